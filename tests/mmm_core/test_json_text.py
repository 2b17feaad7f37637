"""JSON for strict parsers."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm_core.json_text import dumps, plain


@dataclass
class Finding:
    figure: float
    weeks: tuple[int, ...]


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_figure_that_does_not_exist_is_null_wherever_it_stands():
    value = {
        "nan": float("nan"),
        "endless": [np.inf, -np.float32("inf")],
        "array": np.array([[1.0, np.nan]]),
        "missing": [pd.NA, pd.NaT, np.datetime64("NaT"), None],
        "finding": Finding(float("nan"), (1, 2)),
    }
    assert strict(dumps(value)) == {
        "nan": None,
        "endless": [None, None],
        "array": [[1.0, None]],
        "missing": [None] * 4,
        "finding": {"figure": None, "weeks": [1, 2]},
    }


def test_what_libraries_hand_over_becomes_what_it_holds():
    value = {
        3: np.int64(7),
        "yes": np.bool_(True),
        "day": dt.date(2024, 7, 1),
        "path": Path("a/b"),
        "set": {"b", "a"},
        "float": np.float64(0.1),
    }
    assert strict(dumps(value)) == {
        "3": 7, "yes": True, "day": "2024-07-01", "path": "a/b", "set": ["a", "b"], "float": 0.1,
    }  # fmt: skip
    assert strict(dumps(pd.Timestamp("2024-07-01"))).startswith("2024-07-01")
    assert strict(dumps(np.datetime64("2024-07-01"))).startswith("2024-07-01")
    with pytest.raises(TypeError, match="object has no form in JSON"):
        plain(object())


leaves = st.none() | st.booleans() | st.integers() | st.text() | st.floats()


@settings(derandomize=True, database=None, max_examples=200)
@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_any_value_is_read_back_by_a_strict_parser(value):
    def expected(value):
        if isinstance(value, dict):
            return {key: expected(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [expected(inner) for inner in value]
        return None if isinstance(value, float) and not np.isfinite(value) else value

    assert strict(dumps(value)) == expected(value)
