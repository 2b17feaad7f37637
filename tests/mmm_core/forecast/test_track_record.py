"""Posteriors scored on the weeks that came after them: against every step done by hand."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.forecast.predict import predict, predictive_draws
from mmm_core.forecast.standing import standings
from mmm_core.forecast.track_record import COLUMNS, score_since
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

WEEKS = 120


@pytest.fixture(scope="module")
def fitted():
    """A posterior of 120 weeks, and a table of 134."""
    table = weekly_table(WEEKS + 14)
    return posterior(table=table.iloc[:WEEKS]), table


def test_scores_are_those_of_the_weeks_that_came(fitted):
    tree, table = fitted
    found = score_since(tree, table)
    assert found["horizon"].tolist() == [4, 8, 13]
    before = score_since(tree, table.iloc[: WEEKS + 12])
    assert before["horizon"].tolist() == [4, 8]  # the thirteenth week has not come
    assert list(found) == list(COLUMNS)
    draws = predictive_draws(tree, table.iloc[WEEKS : WEEKS + 13])[0].to_numpy()[:, 0]
    actual = table["revenue"].to_numpy()
    for row in found.itertuples():
        ahead = np.arange(row.horizon)
        theirs, came = draws[:, ahead], actual[WEEKS + ahead]
        pairs = np.abs(theirs[:, None] - theirs[None]).sum((0, 1)) / (len(draws) * (len(draws) - 1))
        assert row.crps == pytest.approx((np.abs(theirs - came).mean(0) - pairs / 2).mean())
        assert row.mape == pytest.approx(np.abs(np.median(theirs, 0) / came - 1).mean())
        low, high = np.quantile(theirs, [0.05, 0.95], axis=0)
        assert row.coverage_90 == ((low <= came) & (came <= high)).mean()
        assert row.mape_naive == pytest.approx(np.abs(actual[WEEKS - 52 + ahead] / came - 1).mean())
        assert row.first_week == table["week_start"][WEEKS]
    # the intervals are those of a forecast of the same plan
    assert predict(tree, table.iloc[WEEKS : WEEKS + 8])["q05"].shape == (1, 8)


def test_what_came_before_two_seasons_or_is_not_known_does_not_count(fitted):
    short = weekly_table(70)
    found = score_since(posterior(table=short.iloc[:64]), short)
    assert found["horizon"].tolist() == [4]
    assert found[["crps_naive", "mape_naive"]].isna().all(axis=None)

    tree, table = fitted
    unknown = table.copy()
    unknown.loc[WEEKS + 1 :, "revenue"] = np.nan
    spec = {**SPEC, "kpi": {"column": "revenue", "gaps": "leave_out"}}
    lenient = posterior(spec=parse_spec(spec), table=table.iloc[:WEEKS])
    first = score_since(lenient, unknown, horizons=[1, 4])
    assert first.loc[0, "crps"] == pytest.approx(first.loc[1, "crps"])

    assert score_since(tree, table.iloc[: WEEKS + 3]).empty
    with pytest.raises(InputError, match=r"now\.csv"):
        score_since(tree, table.drop(index=WEEKS + 2), source="now.csv")


def test_every_geo_counts():
    table = weekly_table(68, geos=("north", "south"))
    spec = {**SPEC, "geo": {"column": "geo"}}
    weeks = sorted(table["week_start"].unique())[:64]
    tree = posterior(spec=spec, table=table[table["week_start"].isin(weeks)])
    (whole,) = score_since(tree, table).itertuples()
    draws = predictive_draws(tree, table[~table["week_start"].isin(weeks)])[0]
    actual = table.pivot(index="geo", columns="week_start", values="revenue").to_numpy()[:, 64:]
    assert whole.mape == pytest.approx(np.abs(draws.median("draw").to_numpy() / actual - 1).mean())
    with pytest.raises(InputError, match="geo south of the posterior is not there"):
        score_since(tree, table[table["geo"] == "north"])


def rows(crps, naive, coverage=0.9, horizon=13, step=13):
    weeks = pd.date_range("2025-01-06", periods=len(crps), freq=f"{7 * step}D")
    return pd.DataFrame(
        {
            "horizon": horizon, "first_week": weeks, "crps": crps, "crps_naive": naive, "mape": 0.05, "mape_naive": 0.1,
            "coverage_50": 0.5, "coverage_90": coverage, "coverage_95": 0.95,
        }
    )  # fmt: skip


def test_a_standing_is_the_mean_of_its_forecasts_and_says_whether_the_difference_is_chance():
    better = rows([8.0, 9.0, 8.5, 9.5], [16.0, 17.0, 16.5, 17.5])
    unlike = rows([4.0], [np.nan], horizon=4)
    short, long = standings(pd.concat([better, unlike]))
    assert (short.horizon, short.forecasts, short.crps) == (4, 1, 4.0)
    assert short.words.endswith("no history of two seasons for a seasonal naive")
    assert long.crps == 8.75
    assert long.ratio == pytest.approx(8.75 / 16.75)
    assert long.difference.verdict == "better"
    assert (
        "4 forecasts of 13 weeks: 90 % intervals hold 90% of the weeks, the median errs by 5.0%" in long.words
    )
    (mixed,) = standings(rows([1.0, 40.0, 2.0], [16.0, 17.0, 16.5]))
    assert mixed.difference.verdict == "cannot be said"
