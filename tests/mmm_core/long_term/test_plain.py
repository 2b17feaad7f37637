"""A table's own columns: a series that returns to its level, however high that is, and what its prior may be."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.long_term.plain import DUMMIES, Columns, fit_table

COLUMNS = Columns(("awareness", "sales"), ("search",))
TRUE = 0.1 / 0.4  # of a unit of search on sales, over all weeks


def weekly(level, seed=0, weeks=208):
    """Sales that forget two fifths a week, about a level."""
    rng = np.random.default_rng(seed)
    search = rng.gamma(2, 1, weeks)
    values = np.zeros((weeks, 2))
    for week in range(1, weeks):
        aware, sales = values[week - 1]
        values[week] = 0.7 * aware, 0.6 * sales + 0.2 * aware + 0.1 * search[week]
        values[week] += rng.normal(0, [0.1, 0.3])
    values[:, 1] += level
    table = pd.DataFrame(values, columns=["awareness", "sales"]).assign(search=search)
    return table.assign(week_start=pd.date_range("2021-01-04", periods=weeks, freq="7D"))[30:]


def on_sales(found):
    """Low, median and high of a unit of search over 52 weeks."""
    table = found.multipliers
    row = table[
        (table["channel"] == "search") & (table["response"] == "sales") & (table["horizon_weeks"] == 52)
    ]
    return row[["q05", "median", "q95"]].to_numpy()[0]


def test_how_high_a_series_stands_changes_no_effect():
    low, high = (on_sales(fit_table(weekly(level), COLUMNS, draws=1000)) for level in (0, 100))
    assert low[0] < TRUE < low[2]
    assert high[0] < TRUE < high[2]
    assert high[1] == pytest.approx(low[1], rel=0.2)


def test_dummies_that_are_asked_for_hold_such_a_series_to_a_random_walk():
    found = fit_table(weekly(100), COLUMNS, draws=1000, dummies=DUMMIES)
    assert on_sales(found)[0] > 2 * TRUE


def test_which_of_several_lags_was_taken_is_said():
    several = fit_table(weekly(0), COLUMNS, lags=(1, 2, 4), draws=100)
    assert several.notes[0] == "2 lags: of 1, 2, 4 what the data speak for most"


def test_unknown_dummies_are_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="'sum_of_coeficients': did you mean 'sum_of_coefficients'"):
        fit_table(weekly(0), COLUMNS, dummies=["sum_of_coeficients"])


def wandering():
    """Sales that keep whatever comes."""
    table = weekly(0)
    return table.assign(sales=np.cumsum(np.random.default_rng(1).normal(size=len(table))))


def test_a_unit_root_of_no_variable_is_refused_and_of_a_stationary_one_is_spoken_against():
    with pytest.raises(InputError, match="'sale', which is no variable: did you mean 'sales'"):
        fit_table(weekly(0), Columns(COLUMNS.variables, COLUMNS.media, unit_root=("sale",)))
    rooted = Columns(("awareness", "sales"), ("search",), unit_root=("sales",))
    (said,) = [
        note for note in fit_table(weekly(0), rooted, draws=100).notes if note.startswith("sales: stat")
    ]
    assert said.endswith("effects die out, which a fit of its change, as was asked for, cannot show")
    (said,) = [
        note for note in fit_table(wandering(), rooted, draws=100).notes if note.startswith("sales: unit")
    ]
    assert said.endswith("effects may be permanent, as this fit of its change has them")
    (for_good,) = [note for note in fit_table(weekly(0), rooted, draws=100).notes if "for good" in note]
    assert for_good.startswith("sales: one unit of search moves its level for good, by ")
    (said,) = [
        note for note in fit_table(wandering(), COLUMNS, draws=100).notes if note.startswith("sales: unit")
    ]
    assert "compare a fit of its change" in said


def test_a_share_beside_sales_of_billions_is_a_series_like_any():
    table = weekly(10)
    found = fit_table(table.assign(sales=1e11 * table["sales"]), COLUMNS, draws=500)
    assert on_sales(found) == pytest.approx(1e11 * on_sales(fit_table(table, COLUMNS, draws=500)), rel=1e-3)
    formula = table.assign(awareness=0.3 * 0.9 ** np.arange(len(table)))
    with pytest.raises(InputError, match="variable awareness follows an autoregression without any noise"):
        fit_table(formula, COLUMNS)
