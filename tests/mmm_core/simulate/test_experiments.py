import numpy as np
import pandas as pd
import pytest

from mmm_core.simulate import lift_tests, simulate_market


@pytest.fixture(scope="module", params=["us", "uk"])
def market(request):
    return simulate_market(request.param, 7)


def test_tests_lie_inside_the_data_and_cover_every_status_and_channel(market):
    tests = lift_tests(market)
    assert tests["test_id"].is_unique
    assert set(tests["status"]) == {"approved", "pending", "rejected"}
    assert set(tests["channels"]) == {channel.channel for channel in market.truth.channels}
    assert (tests["start_date"].dt.weekday == 0).all()
    assert (tests["end_date"].dt.weekday == 6).all()
    assert tests["start_date"].min() >= market.table["week_start"].min() + pd.Timedelta(weeks=8)
    assert tests["end_date"].max() < market.table["week_start"].max() + pd.Timedelta(weeks=1)


def test_spends_are_those_of_the_table_and_the_truth_is_a_replay(market):
    truth = market.truth
    for test in lift_tests(market).itertuples():
        geos = test.geos.split(";")
        rows = market.table[
            market.table["geo"].isin(geos)
            & market.table["week_start"].between(test.start_date, test.end_date)
        ]
        assert rows[f"{test.channels}_spend"].sum() == pytest.approx(test.spend_with, abs=0.01)
        plan = truth.weekly["spend"].copy(deep=True)
        where = {"geo": geos, "week": rows["week_start"].unique(), "channel": test.channels}
        plan.loc[where] *= test.spend_without / test.spend_with
        lost = (truth.weekly["contribution"] - truth.contribution(plan)).sel(where).sum()
        assert float(lost) == pytest.approx(test.true_incremental_outcome, rel=1e-5)


def test_approved_tests_miss_the_truth_by_their_standard_error_and_rejected_ones_by_far():
    tests = pd.concat([lift_tests(simulate_market(name, seed)) for name in ("us", "uk") for seed in range(8)])
    z = (tests["incremental_outcome"] - tests["true_incremental_outcome"]) / tests["standard_error"]
    sound = z[tests["status"] != "rejected"]
    assert len(sound) > 80
    assert sound.mean() == pytest.approx(0, abs=3 / np.sqrt(len(sound)))
    assert sound.std() == pytest.approx(1, abs=0.25)
    assert np.abs(z[tests["status"] == "rejected"]).min() > 2


def test_more_weeks_add_tests_and_change_none():
    import datetime as dt

    from mmm_core.simulate.world import simulate_world

    start = dt.date(2022, 11, 21)
    early, late = (simulate_world(7, end, start) for end in (dt.date(2026, 3, 2), dt.date(2026, 11, 16)))
    for name in ("us", "uk"):
        before, after = lift_tests(early.market(name)), lift_tests(late.market(name))
        assert len(after) > len(before)
        kept = after.set_index("test_id").loc[before["test_id"]].reset_index()
        pd.testing.assert_frame_equal(kept, before, rtol=1e-9)
