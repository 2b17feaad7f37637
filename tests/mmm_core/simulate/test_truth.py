import numpy as np
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.simulate import simulate_market
from mmm_core.simulate.truth import BASELINE_PARTS, adstock, hill


@pytest.fixture(scope="module", params=["us", "uk"])
def market(request):
    return simulate_market(request.param, 3)


def test_adstock_of_an_impulse_is_its_weights():
    impulse = np.zeros(14)
    impulse[2] = 10.0
    carried = adstock(impulse, 0.5)
    weights = 0.5 ** np.arange(9) / (2 - 0.5**8)
    np.testing.assert_allclose(carried[2:11], 10 * weights)
    np.testing.assert_array_equal(carried[[0, 1, 11, 12, 13]], 0)
    assert carried.sum() == pytest.approx(10)


def test_adstock_of_constant_media_is_constant_once_history_is_full():
    np.testing.assert_allclose(adstock(np.full((20, 3), 4.0), 0.8)[8:], 4.0)


def test_hill_at_zero_half_and_far_away():
    np.testing.assert_allclose(
        hill(np.array([0.0, 2.0, 4.0, 2e9]), 2.0, 1.5), [0, 0.5, 2**1.5 / (1 + 2**1.5), 1]
    )


def test_parts_add_up_to_revenue(market):
    weekly = market.truth.weekly
    parts = (
        sum(weekly[part] for part in BASELINE_PARTS) + weekly["noise"] + weekly["contribution"].sum("channel")
    )
    np.testing.assert_allclose(parts, weekly["revenue"], rtol=0, atol=1e-6)


def test_contributions_follow_from_the_stated_formula_and_parameters(market):
    """By hand, from the recorded spend alone: adstock by a double loop, Hill, coefficient."""
    truth = market.truth
    channel = truth.channels[-1]
    spend = xr.concat([truth.history, truth.weekly["spend"]], "week").sel(channel=channel.channel)
    for geo in spend["geo"].values[:3]:
        heads = float(truth.weekly["population"].sel(geo=geo))
        media = spend.sel(geo=geo).values / heads
        weights = channel.alpha ** np.arange(9) / sum(channel.alpha**lag for lag in range(9))
        for week in (0, 5, 100):
            carried = sum(weights[lag] * media[8 + week - lag] for lag in range(9))
            share = carried**channel.slope / (
                channel.half_saturation_media**channel.slope + carried**channel.slope
            )
            effect = float(truth.geo_effect.sel(geo=geo, channel=channel.channel))
            expected = channel.coefficient * share * effect * heads
            found = truth.weekly["contribution"].sel(geo=geo, channel=channel.channel).values[week]
            assert found == pytest.approx(expected, rel=1e-9)


def test_roi_is_contribution_over_spend_and_matches_the_stated_one(market):
    truth = market.truth
    kept = truth.weekly.isel(week=slice(8, None))
    for channel in truth.channels:
        one = kept.sel(channel=channel.channel)
        roi = float(one["contribution"].sum() / one["spend"].sum())
        assert channel.roi == pytest.approx(roi, rel=1e-12)
        assert truth.roi()[channel.channel] == pytest.approx(roi, rel=1e-12)
    assert not np.allclose(truth.roi(skip=0), truth.roi())


def test_half_saturation_is_in_units_of_mean_adstocked_media_per_head(market):
    truth = market.truth
    spend = xr.concat([truth.history, truth.weekly["spend"]], "week") / truth.weekly["population"]
    spend = spend.transpose("week", "geo", "channel")
    for channel in truth.channels:
        carried = adstock(spend.sel(channel=channel.channel).values, channel.alpha)[16:]
        assert channel.half_saturation * carried.mean() == pytest.approx(
            channel.half_saturation_media, rel=1e-9
        )


def test_replaying_the_same_spend_gives_the_same_contributions(market):
    truth = market.truth
    np.testing.assert_allclose(
        truth.contribution(truth.weekly["spend"]), truth.weekly["contribution"], rtol=1e-10, atol=1e-6
    )


def test_replaying_a_cut_changes_its_channel_for_its_weeks_and_eight_more(market):
    truth = market.truth
    name = truth.channels[0].channel
    plan = truth.weekly["spend"].copy(deep=True)
    plan.loc[{"channel": name}][:, 50:52] = 0.0
    lost = (truth.weekly["contribution"] - truth.contribution(plan)).sum("geo")
    assert (lost.sel(channel=name).values[50:60] > 0).all()
    np.testing.assert_allclose(np.delete(lost.sel(channel=name).values, np.s_[50:60]), 0, atol=1e-5)
    np.testing.assert_allclose(lost.drop_sel(channel=name), 0, atol=1e-5)


def test_a_plan_of_another_shape_and_an_unknown_channel_are_refused(market):
    with pytest.raises(InputError, match="shape"):
        market.truth.contribution(market.truth.weekly["spend"].isel(week=slice(10)))
    with pytest.raises(InputError, match="did you mean 'search'"):
        market.truth.channel("serch")


def test_truth_tables_hold_what_the_truth_holds(market):
    table = market.truth.weekly_table()
    parts = [column for column in table if column in BASELINE_PARTS or column.endswith("_contribution")]
    np.testing.assert_allclose(table[[*parts, "noise"]].sum(axis=1), table["revenue"])
    np.testing.assert_allclose(table["revenue"], market.table["revenue"])
    assert list(market.truth.channel_table()["channel"]) == [
        channel.channel for channel in market.truth.channels
    ]
