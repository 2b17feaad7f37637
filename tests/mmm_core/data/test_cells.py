"""Cells to numbers, days and filters: nothing is guessed, and values are shown as their file shows them."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.cells import days, holds_words, numbers, quantities, same_value, text_of


def test_missing_is_blank_or_what_programs_write_for_it():
    read = numbers(pd.Series(["", "NA", "NaN", "nan", "NULL", "null", "None", " ", None, np.nan, pd.NA]))
    assert read.values.isna().all()
    assert not read.wrong.any()


@pytest.mark.parametrize(
    "text", ["n/a", "-", "1_000", "0x10", "inf", "1e999", "1,5", "١٢", "12 EUR", "#N/A", "TRUE"]
)
def test_what_is_no_number_is_marked(text):
    assert numbers(pd.Series(["1", text])).wrong.tolist() == [False, True]


@pytest.mark.parametrize(
    "cells", [["1", "-1e308", "1e100"], [1.0, -1e308, 1e100], pd.Series([1, -1e308, 1e100], dtype=object)]
)
def test_what_no_quantity_is_as_large_as_is_marked(cells):
    read = quantities(pd.Series(cells))
    assert read.wrong.tolist() == [False, True, False]
    assert read.values.isna().tolist() == [False, True, False]
    assert read.remedy == "larger than any quantity (1e+100): correct it"
    assert quantities(pd.Series(["12 EUR", "1e200"])).remedy == "write digits only, with a point for decimals"
    assert quantities(pd.Series([np.inf])).values.tolist() == [np.inf]


def test_python_values_are_numbers_as_they_are():
    cells = pd.Series(
        [1, 2.5, np.int64(3), np.float32(0.5), Decimal("1.25"), True, np.True_, "4"], dtype=object
    )
    assert numbers(cells).values.tolist() == [1, 2.5, 3, 0.5, 1.25, 1, 1, 4]
    assert numbers(pd.Series([1, None], dtype="Int64")).values.isna().tolist() == [False, True]
    assert numbers(pd.Series([[1], 1], dtype=object)).wrong.tolist() == [True, False]
    assert numbers(pd.Series(["9" * 30])).values[0] == 1e30


@pytest.mark.parametrize(
    "cell",
    [
        "2024-01-08",
        "2024-01-08T00:00:00+01:00",
        "2024-01-08 00:00:00",
        "2024-01-08 00:00:00.000 UTC",
        "2024-01-08T00:00Z",
        datetime.date(2024, 1, 8),
        datetime.datetime(2024, 1, 8),
        np.datetime64("2024-01-08"),
        pd.Timestamp("2024-01-08", tz="Europe/Berlin"),
    ],
)
def test_a_midnight_is_its_day_wherever_it_was(cell):
    assert days(pd.Series([cell], dtype=object)).values[0] == pd.Timestamp("2024-01-08")
    if isinstance(cell, pd.Timestamp):
        assert days(pd.Series([cell])).values[0] == pd.Timestamp("2024-01-08")


@pytest.mark.parametrize(
    "cell",
    ["08.01.2024", "1/8/2024", "2024-13-01", "2024-1-8", "20240108", "2024-01-07T23:00:00Z", 20240108,
     pd.Timestamp("2024-01-07 23:00", tz="UTC"), "9999-99-99", "0001-01-01"],
)  # fmt: skip
def test_a_guess_is_no_day(cell):
    read = days(pd.Series([cell, "2024-01-01"], dtype=object))
    assert read.wrong.tolist() == [True, False]
    assert read.values.isna().tolist() == [True, False]


def test_a_filter_compares_numbers_as_numbers_and_codes_as_text():
    cells = pd.Series(["1.0", "1", "01", "one", "", 1.0, 1, None], dtype=object)
    assert same_value(cells, "1").tolist() == [True, True, False, False, False, True, True, False]
    assert same_value(cells, "01").tolist() == [False, False, True, False, False, False, False, False]
    assert same_value(pd.Series(["Ko\u0308ln"]), "K\u00f6ln").all()


def test_text_is_kept():
    assert text_of(pd.Series(["NA", "01", "None", "nan", None, 1])).tolist() == [
        "NA",
        "01",
        "None",
        "nan",
        "",
        "1",
    ]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["na", "event1"], True),
        (["", "NA", "storm"], True),
        (["ABC12", "16/01/2023", "2024-W01"], True),
        (["-" * 10_000], True),
        (["", "NA"], False),
        (["storm", "2"], False),
        (["EUR 1 200", "EUR 900"], False),
        (["\u20ac1,200"], False),
        (["12 %"], False),
        (["(1,200)", "1.5k"], False),
        ([1.0, None], False),
    ],
)
def test_a_column_of_words_has_no_number_in_whatever_notation(cells, words):
    assert holds_words(pd.Series(cells)) is words
