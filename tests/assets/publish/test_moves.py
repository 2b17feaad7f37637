"""What moved from one published week to the next is in the warehouse, in whatever order weeks were published."""

import pandas as pd
import pytest

from assets.models import Vintage
from assets.publish.moves import write_moves
from assets.resources.stores import ResultStore
from assets.resources.warehouse import Warehouse
from mmm_core.promotion.moved import COLUMNS, moved
from tests.mmm_core.promotion.test_promotion import answer

FIRST, SECOND, THIRD = (Vintage("us_revenue", f"2026-01-{day:02}") for day in (5, 12, 19))
ANSWERS = {
    FIRST: answer(),
    SECOND: answer(search=2.6, share=(0.15, 0.15), spend=(20.0, 20.0)),
    THIRD: answer(search=2.1, tv=1.2, spend=(10.0, 30.0)),
}


@pytest.fixture
def warehouse(tmp_path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse.duckdb"))
    warehouse.prepare()
    return warehouse


@pytest.fixture
def results(tmp_path):
    return ResultStore(folder=str(tmp_path / "results"))


def publish(results, vintage, **changes):
    labels = {"posterior_version": f"posterior {vintage.as_of_week}", "model_version": "1", **changes}
    roi, budget = (table.assign(**labels) for table in ANSWERS[vintage])
    results.record_publication(vintage, {"channel_roi": roi, "budget_allocation": budget})


def rows(warehouse, table):
    with warehouse.connect(read_only=True) as connection:
        return connection.execute(f"from results.{table} order by as_of_week").df()


def test_each_published_week_is_held_against_the_one_before_it(warehouse, results):
    for vintage in (FIRST, THIRD):
        publish(results, vintage)
    publish(results, FIRST, posterior_version="v")
    assert write_moves(warehouse, results, {"us_revenue"}) == [FIRST, THIRD]
    by_hand = moved(*ANSWERS[THIRD], *ANSWERS[FIRST])
    (whole,) = rows(warehouse, "stability").to_dict("records")
    assert whole["previous_week"] == pd.Timestamp(FIRST.week)
    assert (whole["previous_version"], whole["channels"]) == ("v", 3)
    assert whole["budget_turnover"] == by_hand.budget_turnover == 0.5
    assert whole["moved_most"] == by_hand.moved_most == "tv"
    channels = rows(warehouse, "belief_moves")
    now = channels[channels["as_of_week"] == pd.Timestamp(THIRD.week)].sort_values("channel")
    expected = by_hand.channels.sort_values("channel")
    for name in COLUMNS:
        pd.testing.assert_series_equal(
            now[name].reset_index(drop=True), expected[name].reset_index(drop=True), check_dtype=False
        )
    first = channels[channels["as_of_week"] == pd.Timestamp(FIRST.week)]
    assert first["recommended_share"].dropna().sum() == 1
    assert first[["roi_before", "previous_week", "previous_version"]].isna().all(axis=None)

    assert write_moves(warehouse, results, {"us_revenue"}) == []
    # a past week that is published later is what the one after it is held against from then on
    publish(results, SECOND)
    assert write_moves(warehouse, results, {"us_revenue"}) == [SECOND, THIRD]
    assert rows(warehouse, "stability")["previous_week"].dt.date.tolist() == [FIRST.week, SECOND.week]
    assert write_moves(warehouse, results, set()) == []


def test_a_week_whose_files_are_gone_is_passed_over(warehouse, results):
    for vintage in ANSWERS:
        publish(results, vintage)
    record = results.record(SECOND)
    results.versions("roi").path(SECOND, record["channel_roi"]["version"]).unlink()
    assert write_moves(warehouse, results, {"us_revenue"}) == [FIRST, THIRD]
    assert rows(warehouse, "stability")["previous_week"].dt.date.tolist() == [FIRST.week]


def test_a_channel_that_is_new_has_nothing_before_it():
    roi, budget = answer()
    found = moved(roi, budget, roi[roi["channel"] != "tv"], budget[budget["channel"] != "tv"])
    table = found.channels.set_index("channel")
    assert found.compared == 2
    assert table["was_there"].to_dict() == {"newsletter": True, "search": True, "tv": False}
    assert table.loc["tv", ["roi_before", "recommended_share_change"]].isna().all()
    assert pd.isna(table.loc["tv", "is_within_previous_interval"])
    assert found.share_within == 1
