"""Variance inflation and condition numbers against closed forms and statsmodels; pairs that move as one."""

import numpy as np
import pytest
from scipy.signal import lfilter
from statsmodels.stats.outliers_influence import variance_inflation_factor

from mmm_core.data_health.collinearity import (
    collinearity,
    condition_number,
    correlations,
    explaining,
    variance_inflation,
)
from mmm_core.spec.data_health_spec import DataHealth
from tests.mmm_core.data_health.tables import flagged, panel_of, plain, report_of


def pair(r, rows=400, seed=0):
    """Two columns whose sample correlation is r to the last digit."""
    first, second = np.linalg.qr(np.random.default_rng(seed).standard_normal((rows, 3)) - 0)[0].T[:2]
    first = first - first.mean()
    first /= np.linalg.norm(first)
    second = second - second.mean()
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    return np.column_stack([5 + 3 * first, 7 * (r * first + np.sqrt(1 - r**2) * second) - 2])


@pytest.mark.parametrize("r", [0.0, 0.5, -0.8, 0.95, 0.999])
def test_two_columns_inflate_by_one_over_one_less_r_squared(r):
    columns = pair(r)
    assert correlations(columns)[0, 1] == pytest.approx(r, abs=1e-12)
    np.testing.assert_allclose(variance_inflation(columns), 1 / (1 - r**2))
    assert condition_number(columns) == pytest.approx(np.sqrt((1 + abs(r)) / (1 - abs(r))))


def test_variance_inflation_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    columns = rng.standard_normal((150, 5)) @ rng.standard_normal((5, 5)) + 10
    with_intercept = np.column_stack([np.ones(len(columns)), columns])
    theirs = [variance_inflation_factor(with_intercept, 1 + column) for column in range(5)]
    np.testing.assert_allclose(variance_inflation(columns), theirs)


def test_what_others_make_up_inflates_without_end():
    columns = pair(0.3)
    whole = np.column_stack([columns, columns @ [2.0, -1.0] + 4])
    assert np.isinf(variance_inflation(whole)).all()
    assert condition_number(whole) == np.inf


def test_a_column_that_never_moves_correlates_with_none():
    found = correlations(np.column_stack([pair(0.5), np.full(400, 3.0)]))
    np.testing.assert_array_equal(found[2], [0, 0, 1])


def test_the_default_limits_of_a_pair_say_the_same():
    rule = DataHealth()
    assert variance_inflation(pair(rule.correlation)) == pytest.approx(
        [rule.variance_inflation] * 2, rel=0.05
    )


def test_one_series_under_two_names_fails_and_nearly_one_warns():
    table = plain()
    same = report_of(table.assign(search_clicks=7 * table["tv_spend"])).of("collinearity")
    (twin,) = [f for f in same if f.measure == "correlation"]
    assert (twin.subject, twin.verdict) == ("tv and search", "fail")
    rng = np.random.default_rng(0)
    near = 7 * table["tv_spend"] * rng.lognormal(0, 0.1, len(table))
    (twin,) = [
        f
        for f in report_of(table.assign(search_clicks=near)).of("collinearity")
        if f.measure == "correlation"
    ]
    assert twin.verdict == "warn"
    assert "only their sum is known" in twin.sentence
    assert flagged(report_of(table).of("collinearity")) == []


def test_channels_that_differ_before_carryover_only_are_one_after_it():
    table = plain()
    search = lfilter([0.5], [1, -0.5], table["tv_spend"])
    found = correlations(explaining(panel_of(table.assign(search_clicks=search)))[1])[0, 1]
    assert found < 0.9
    twice = lfilter([1, 0, 0, 0], [1], table["tv_spend"]) + 0.0
    later = np.concatenate([[0], twice[:-1]])
    table["search_clicks"] = 0.75 * twice + 0.25 * later
    (twin,) = [
        f for f in collinearity(panel_of(table), DataHealth(correlation=0.96)) if f.measure == "correlation"
    ]
    assert "after carryover" in twin.sentence


def test_what_differs_between_geos_is_no_movement():
    parts = [plain(seed=seed).assign(geo=f"g{seed}") for seed in range(3)]
    for size, part in enumerate(parts):
        part[["tv_spend", "search_clicks"]] += 1e5 * size
    import pandas as pd

    panel = panel_of(pd.concat(parts), geo={"column": "geo"})
    columns = explaining(panel)[1]
    assert abs(correlations(columns)[0, 1]) < 0.3
