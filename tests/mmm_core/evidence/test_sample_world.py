"""The sample world's tests and the approvals in `models/`: what is sound calibrates, what is not does not."""

import datetime as dt
from pathlib import Path

import pytest

from mmm_core.data.arrays import model_data
from mmm_core.evidence.approvals import read_approvals
from mmm_core.evidence.beside import unknown_approvals
from mmm_core.evidence.reader import lift_tests_in
from mmm_core.evidence.scorecard import scorecard
from mmm_core.simulate import lift_tests
from mmm_core.simulate.world import simulate_world
from mmm_core.spec.model_spec import load_spec

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def world():
    return simulate_world(7, dt.date(2026, 11, 16))


@pytest.mark.parametrize("model", ["us_revenue", "uk_geo_revenue"])
def test_sound_tests_of_the_sample_world_calibrate_its_models(world, model):
    spec, approvals = load_spec(MODELS / f"{model}.yaml"), read_approvals(MODELS / f"{model}.approvals.csv")
    market = world.market(spec.filter["market"])
    landed = lift_tests(market).drop(columns="true_incremental_outcome")
    reading = lift_tests_in(landed, "lift_tests")
    assert not reading.faults
    data = model_data(market.table.assign(market=market.name), spec)
    card = scorecard(reading.tests, data, spec, spec.calibration, approvals)
    status = {"pending": "needs review"}
    said = {row.test_id: status.get(row.status, row.status) for row in landed.itertuples()}
    assert {scored.test_id: scored.status for scored in card.tests} == said
    assert card.counts["approved"] >= 5
    assert not card.unseen
    assert unknown_approvals(approvals, said) == []


def test_a_vintage_of_a_year_before_sees_the_tests_of_then(world):
    spec, approvals = (
        load_spec(MODELS / "us_revenue.yaml"),
        read_approvals(MODELS / "us_revenue.approvals.csv"),
    )
    market = world.market("us")
    table = market.table[market.table["week_start"] <= "2025-07-28"].assign(market="us")
    landed = lift_tests(market).drop(columns="true_incremental_outcome")
    card = scorecard(
        lift_tests_in(landed, "lift_tests").tests, model_data(table, spec), spec, spec.calibration, approvals
    )
    assert [test.test_id for test in card.tests if test.status == "approved"] == [
        "us-2023-01-30-tv", "us-2024-01-22-search", "us-2025-01-13-tiktok",
    ]  # fmt: skip
    assert card.unseen == ("us-2025-07-14-linkedin", "us-2026-01-12-tv", "us-2026-06-22-ooh")
