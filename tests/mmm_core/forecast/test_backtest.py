"""The backtest: scores against the library's own pieces, by hand; and whole, on a small model."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.forecast.backtest import MODEL, POOLED, Backtest, backtest, score_origin
from mmm_core.forecast.predictive import baseline_and_expected, with_noise
from mmm_core.forecast.scores import no_media, score_draws, score_normal
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table
from tests.mmm_core.review.test_review import sound


def test_an_origin_at_the_end_is_the_holdout():
    tree = sound(holdout_weeks=8)
    found = score_origin(tree, 8)
    posterior = Posterior.of(tree)
    positions = posterior.thinned(1000)
    drawn = with_noise(posterior, baseline_and_expected(posterior, positions)[1], positions)[..., -8:]
    data = posterior.data
    kpi = data["kpi"].to_numpy()
    model = score_draws("model", drawn, kpi[:, -8:])
    plain = score_normal(
        no_media(kpi[:, :-8], data["design"].to_numpy(), 8, data["design_prior_sd"].to_numpy()), kpi[:, -8:]
    )
    assert float(found["crps"].sel(forecast=MODEL).mean()) == pytest.approx(model.crps)
    assert float(found["error"].sel(forecast=MODEL).mean()) == pytest.approx(model.mape)
    assert float(found["crps"].sel(forecast="no media").mean()) == pytest.approx(plain.crps)
    # 52 weeks are fewer than two seasons
    assert found["forecast"].to_numpy().tolist() == [MODEL, "last value", "no media"]
    assert not found["far_outside"].any()


def test_only_the_weeks_after_the_origin_are_scored():
    tree = sound(holdout_weeks=20)
    found = score_origin(tree, 5)
    data = tree["constant_data"]
    week, kpi = data["week"].to_numpy(), data["kpi"].to_numpy()
    assert found["origin"].to_numpy()[0] == week[-20]
    np.testing.assert_array_equal(found["actual"].to_numpy().ravel(), kpi[0, -20:-15])
    naive = found["mean"].sel(forecast="last value").to_numpy().ravel()
    np.testing.assert_array_equal(naive, np.full(5, kpi[0, -21]))


def made_up(crps, covered=1.0, outside=(False, False), log=False):
    """A backtest of two origins, two weeks ahead, whose model and simple forecasts score as given."""
    dims = ("forecast", "origin", "ahead", "geo")
    ones = np.ones((len(crps), 2, 2, 1))
    values = {f"covered_{q}": (dims, covered * ones) for q in (50, 90, 95)}
    scores = xr.Dataset(
        {
            "far_outside": (dims[1:], np.asarray(outside)[:, None, None] * ones[0] > 0),
            "crps": (dims, np.asarray(crps).reshape(len(crps), -1, 1, 1) * ones),
            "error": (dims, 0.1 * ones),
            **values,
        },
        coords={
            "forecast": [MODEL, "no media", "seasonal-naive"][: len(crps)],
            "origin": pd.to_datetime(["2024-01-01", "2024-04-01"]).to_numpy(),
            "ahead": [1, 2],
            "geo": ["all"],
        },
    )
    return Backtest("small", "", scores, log)


def test_skill_is_relative_to_the_simple_forecasts_and_shown_per_origin_and_pooled():
    table = made_up([3.0, 4.0]).table
    assert table["origin"].tolist() == ["2024-01-01"] * 2 + ["2024-04-01"] * 2 + [POOLED] * 2
    assert table["skill"].dropna().tolist() == [0.25] * 3
    assert made_up([3.0, 4.0]).by_horizon["ahead"].tolist() == [1, 1, 2, 2]
    assert list(table)[:3] == ["origin", "forecast", "crps"]
    assert "no media 25% lower (standard error 0%, p 0 over 2 origins): better" in made_up([3.0, 4.0]).words
    assert "no media 25% higher (standard error 0%, p 0 over 2 origins): worse" in made_up([5.0, 4.0]).words
    assert "too sure of itself" in made_up([3.0, 4.0], covered=0.5).words


def test_a_difference_of_two_origins_is_held_against_chance():
    found = made_up([[3.0, 4.0], [4.0, 4.1]])
    difference, pooled = found.differences["no media"], found.table.iloc[-1]
    assert (difference.mean, difference.se) == pytest.approx((-0.55, 0.45))
    assert (pooled["skill"], pooled["skill_se"]) == pytest.approx((0.55 / 4.05, 0.45 / 4.05))
    assert pooled["verdict"] == "cannot be said"
    assert "no media 14% lower (standard error 11%, p 0.44 over 2 origins): may be chance" in found.words


def test_a_forecast_that_one_origin_is_too_short_for_is_compared_where_it_is_known():
    found = made_up([[3.0, 6.0], [4.0, 4.0], [np.nan, 8.0]])
    table = found.table.set_index(["origin", "forecast"])
    assert ("2024-01-01", "seasonal-naive") not in table.index
    assert table.loc[(POOLED, "seasonal-naive"), "skill"] == 0.25
    assert found.differences["seasonal-naive"].origins == 1


def test_forecasts_far_outside_are_named_with_their_weeks_and_the_remedy():
    assert made_up([3.0, 4.0]).outside == ""
    assert made_up([3.0, 4.0], outside=(False, True), log=True).outside == (
        "the forecast from 2024-04-01 is far outside anything seen in 2 of 2 weeks, from 2024-04-01 on: errors of a "
        "log KPI multiply, do not plan by this; try `kpi: {scale: level}`"
    )


def test_too_many_origins_are_refused_with_what_would_do():
    with pytest.raises(InputError, match="ask for 2 origins at most"):
        backtest(weekly_table(), parse_spec(SPEC), origins=5, horizon=13)
    longer = r"the last 200 weeks, and at least 26 before them .*; the model has 60: shorten .* to 34 weeks at most"
    with pytest.raises(InputError, match=longer):
        backtest(weekly_table(), parse_spec(SPEC), origins=1, horizon=200)
    with pytest.raises(InputError, match="has 26: use a longer table"):
        backtest(weekly_table(30), parse_spec(SPEC), origins=1, horizon=2)
    with pytest.raises(InputError, match="1 or more"):
        backtest(weekly_table(), parse_spec(SPEC), origins=0)


@pytest.mark.slow
def test_refits_at_every_origin_forecast_what_they_have_not_seen():
    spec = parse_spec({**SPEC, "fit": {"chains": 2, "warmup": 200, "draws": 200}})
    seen = []
    table = weekly_table(weeks=90)
    found = backtest(table, spec, origins=2, horizon=6, step=10, progress=lambda at: seen.append(at.phase))
    weeks = pd.DatetimeIndex(table["week_start"])
    assert list(found.scores["origin"].to_numpy()) == [weeks[-16].to_numpy(), weeks[-6].to_numpy()]
    assert found.scores.sizes == {"forecast": 3, "origin": 2, "ahead": 6, "geo": 1}
    assert any(phase.startswith("origin 2 of 2") for phase in seen)
    pooled = found.table.set_index(["origin", "forecast"]).loc[(POOLED, MODEL)]
    assert 0 < pooled["mape"] < 0.2
    # a KPI that the refit of the first origin must not see does not change its forecast
    changed = table.copy()
    changed.loc[changed.index[-6:], "revenue"] *= 3
    again = backtest(changed, spec, origins=2, horizon=6, step=10)
    np.testing.assert_allclose(
        again.scores["mean"].isel(origin=0, forecast=0), found.scores["mean"].isel(origin=0, forecast=0)
    )
