"""What is called far outside anything seen, at the edge of the rule, and what is not."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.forecast.outside import far_outside, outside_words

SEEN = np.array([[10.0, np.nan, 20.0, 12.0]])  # range 10, from 10 to 20


@pytest.mark.parametrize(
    ("draws", "flagged"),
    [
        (np.full(100, 29.0), False),
        (np.full(100, 31.0), True),
        (np.full(100, 1.0), False),
        (np.full(100, -1.0), True),
        (np.r_[np.full(90, 15.0), np.full(10, 49.0)], False),
        (np.r_[np.full(90, 15.0), np.full(10, 51.0)], True),  # the 95 % quantile, three ranges beyond
        (np.r_[np.full(99, 15.0), 1700.0], True),  # the mean of a skewed forecast, its median in place
        (np.r_[np.full(99, 15.0), np.inf], True),
    ],
)
def test_the_rule_at_its_edges(draws, flagged):
    assert far_outside(draws[:, None, None], SEEN).tolist() == [[flagged]]


def test_each_geo_has_a_history_of_its_own():
    draws = np.full((100, 2, 1), 31.0)
    assert far_outside(draws, np.array([[10.0, 20.0], [10.0, 40.0]])).tolist() == [[True], [False]]


def test_words_count_weeks_and_geos_and_are_empty_where_all_is_well():
    weeks = pd.date_range("2024-01-01", periods=3, freq="7D")
    flagged = xr.DataArray(
        [[False, True, True], [False, False, True]],
        dims=("geo", "week"),
        coords={"week": weeks, "geo": ["a", "b"]},
    )
    assert outside_words(flagged & False, log=True) == ""
    words = outside_words(flagged, log=False)
    assert words.startswith("far outside anything seen in 2 of 3 weeks, from 2024-01-08 on, in 2 of 2 geos: ")
    assert "baseline: slope" in words
    assert "scale: level" in outside_words(flagged, log=True)
