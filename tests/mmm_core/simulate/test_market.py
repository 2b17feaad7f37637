import datetime as dt

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.simulate import simulate_market, weekly_table
from mmm_core.simulate.draws import Draws, Window, week_index

MART = [
    "market", "geo", "week_start", "population", "revenue", "orders", "average_order_value",
    "search_spend", "search_impressions", "meta_spend", "meta_impressions", "tiktok_spend", "tiktok_impressions",
    "linkedin_spend", "linkedin_impressions", "tv_spend", "tv_impressions", "ooh_spend", "ooh_impressions",
    "consumer_confidence", "competitor_spend",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "geos", "weeks", "absent"), [("us", 1, 208, []), ("uk", 20, 156, ["linkedin"])]
)
def test_the_table_has_the_shape_of_the_mart(name, geos, weeks, absent):
    table, truth = weekly_table(name, 5)
    assert list(table) == MART
    assert table.groupby("geo").size().tolist() == [weeks] * geos
    for _, one in table.groupby("geo"):
        assert (one["week_start"].diff().dropna() == pd.Timedelta(weeks=1)).all()
    assert table["week_start"].max() == pd.Timestamp(2026, 11, 9)
    empty = [f"{channel}_{what}" for channel in absent for what in ("spend", "impressions")]
    assert table[empty].isna().all(axis=None)
    assert table.drop(columns=empty).notna().all(axis=None)
    assert (table["revenue"] > 0).all()
    assert (table.drop(columns=empty).select_dtypes("number") >= 0).all(axis=None)
    np.testing.assert_allclose(table["orders"] * table["average_order_value"], table["revenue"])
    assert len(truth.channels) == 6 - len(absent)


@pytest.mark.parametrize("market", ["us", "uk"])
def test_drawn_parameters_hold_exactly_over_the_weeks_after_history(market):
    """ROI drawn from the channel's own stream comes out of the money of the table, geo panels included."""
    table, truth = weekly_table(market, 11)
    for channel in truth.channels:
        drawn = Draws(11, f"{market}/{channel.channel}").generator("parameters")
        alpha, half_saturation, slope, roi = (
            drawn.beta(3, 3),
            drawn.lognormal(0, 0.35),
            drawn.uniform(0.8, 1.8),
            drawn.lognormal(0.2, 0.6),
        )
        assert (channel.alpha, channel.slope) == (alpha, slope)
        assert channel.half_saturation == pytest.approx(half_saturation, rel=1e-12)
        late = table[table["week_start"] >= table["week_start"].min() + pd.Timedelta(weeks=8)]
        assert channel.contribution / late[f"{channel.channel}_spend"].sum() == pytest.approx(roi, rel=1e-9)
        assert channel.roi == pytest.approx(roi, rel=1e-12)


def test_calibration_over_other_weeks_is_exact_there():
    years = Window(week_index(dt.date(2022, 1, 3)), 104)
    inside = simulate_market("us", 4, weeks=112, end=dt.date(2024, 1, 1), calibration=years)
    np.testing.assert_array_equal(inside.window.indices[8:], years.indices)
    later = simulate_market("us", 4, calibration=years)
    assert [c.coefficient for c in later.truth.channels] == [c.coefficient for c in inside.truth.channels]
    drawn = [c.roi for c in simulate_market("us", 4).truth.channels]
    np.testing.assert_allclose([c.roi for c in inside.truth.channels], drawn, rtol=1e-12)
    assert not np.allclose([c.roi for c in later.truth.channels], drawn, rtol=1e-3)


def test_same_seed_same_market_and_other_seed_another():
    pd.testing.assert_frame_equal(weekly_table("uk", 2)[0], weekly_table("uk", 2)[0], check_exact=True)
    one, other = weekly_table("uk", 2), weekly_table("uk", 3)
    assert not np.isclose(one[0]["revenue"], other[0]["revenue"], rtol=1e-6).any()
    for a, b in zip(one[1].channels, other[1].channels, strict=True):
        assert not np.isclose(
            [a.alpha, a.half_saturation, a.slope, a.roi], [b.alpha, b.half_saturation, b.slope, b.roi]
        ).any()


def test_truths_over_seeds_spread_like_their_priors():
    channels = [channel for seed in range(25) for channel in weekly_table("us", seed, weeks=60)[1].channels]
    log_roi = np.log([channel.roi for channel in channels])
    assert log_roi.mean() == pytest.approx(0.2, abs=3 * 0.6 / np.sqrt(150))
    assert log_roi.std() == pytest.approx(0.6, abs=0.12)
    alpha = np.array([channel.alpha for channel in channels])
    assert alpha.mean() == pytest.approx(0.5, abs=0.05)
    assert np.mean((alpha < 0.2) | (alpha > 0.8)) > 0.05
    assert np.median([channel.half_saturation for channel in channels]) == pytest.approx(1, abs=0.1)


def test_media_explains_15_to_35_percent_of_revenue_and_spends_like_its_channel():
    shares = []
    for seed in range(12):
        for name in ("us", "uk"):
            table, truth = weekly_table(name, seed)
            shares.append(float(truth.weekly["contribution"].sum() / truth.weekly["revenue"].sum()))
            dark = {c: (table[f"{c}_spend"] == 0).mean() for c in ("search", "meta", "tv", "ooh")}
            assert dark["search"] == dark["meta"] == 0
            assert 0.3 < dark["tv"] < 0.8
            assert 0.1 < dark["ooh"] < 0.8
    assert min(shares) > 0.12
    assert max(shares) < 0.38


def test_tiktok_grows_and_search_follows_the_season():
    rise, follows = [], []
    for seed in range(10):
        table, truth = weekly_table("us", seed)
        rise.append(table["tiktok_spend"][-52:].mean() / table["tiktok_spend"][:52].mean())
        season = (truth.weekly["seasonality"] + truth.weekly["holidays"]).values[0]
        follows.append(np.corrcoef(table["search_spend"], season)[0, 1])
    assert np.median(rise) > 1.5
    assert np.median(follows) > 0.3


def test_spend_and_revenue_scale_with_population():
    table, _ = weekly_table("uk", 1)
    geos = table.groupby("geo").agg({"population": "first", "revenue": "mean", "meta_spend": "mean"})
    assert geos["population"].max() / geos["population"].min() > 3
    assert np.corrcoef(np.log(geos), rowvar=False)[0, 1:].min() > 0.8


@pytest.mark.parametrize(
    ("weeks", "geos", "channels"), [(52, 1, 1), (104, 3, ("tv", "meta")), (500, 1, 14), (156, 100, 5)]
)
def test_any_size(weeks, geos, channels):
    table, truth = weekly_table("us", 6, weeks=weeks, geos=geos, channels=channels)
    wanted = channels if isinstance(channels, tuple) else None
    assert len(table) == weeks * geos
    assert len(truth.channels) == (len(wanted) if wanted else channels)
    for channel in truth.channels:
        assert table[f"{channel.channel}_spend"].sum() > 0
        assert table[f"{channel.channel}_impressions"].sum() > 0
    if channels == 14:
        assert [channel.channel for channel in truth.channels][-2:] == ["channel_13", "channel_14"]


def test_one_more_channel_leaves_the_parameters_of_the_others():
    few, more = weekly_table("us", 8, channels=3)[1], weekly_table("us", 8, channels=4)[1]
    for a, b in zip(few.channels, more.channels[:3], strict=True):
        assert (a.alpha, a.slope, a.roi) == pytest.approx((b.alpha, b.slope, b.roi))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"market": "usa"}, "no market 'usa': did you mean 'us'"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"weeks": 51}, "weeks must be a whole number of 52 or more"),
        ({"geos": 0}, "geos must be a whole number of 1 or more"),
        ({"channels": 0}, "channels must be a whole number of 1 or more"),
        ({"channels": ()}, "at least one channel"),
        ({"channels": ("tv", "tv")}, "each once; got tv, tv"),
        ({"channels": ("serch",)}, "no channel 'serch': did you mean 'search'"),
        ({"end": "2026-11-16"}, "end must be a date"),
        ({"weeks": 2000}, "reach back past 2000-01-03"),
    ],
)
def test_bad_arguments_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        simulate_market(**settings)


def test_a_seed_without_revenue_is_refused():
    with pytest.raises(InputError, match="week without revenue"):
        simulate_market("us", 1, holiday_peak=-20.0)
