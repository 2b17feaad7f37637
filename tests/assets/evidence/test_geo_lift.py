"""`geo_lift`: experiments listed beside a model, read from landed panels, and scored as lift tests."""

import re

import pytest
import yaml

from assets.evidence.geo_lift import geo_lift
from assets.evidence.lift_evidence import lift_evidence
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure
from tests.mmm_core.posteriors import weekly_table
from tests.mmm_core.readout.panels import outcomes, table, treat

ENTRY = {
    "test_id": "tv-two-geos", "panel": "sales.csv", "treated": ["g00", "g01"], "start": "2024-03-01",
    "end": "2024-03-15", "spend": {"tv": [200, 0]}, "population_share": 0.2, "currency": "USD",
}  # fmt: skip
LATER = {**ENTRY, "test_id": "not-over", "start": "2026-03-01", "end": "2026-03-15"}


@pytest.fixture
def listed(unfitted):
    """A vintage whose model lists an experiment, with its panel in the landing folder."""
    unfitted.write_spec(calibration={"lift_tests": "approved", "experiments": "us_revenue.experiments.yaml"})
    write_list(unfitted, ENTRY, LATER)
    unfitted.vintages.save(VINTAGE, "table", weekly_table())
    unfitted.vintages.point(VINTAGE, "table")
    panels = unfitted.folder / "landing" / "geo_panels"
    panels.mkdir(parents=True)
    table(treat(outcomes(), [0, 1], 40.0)).to_csv(panels / "sales.csv", index=False)
    return unfitted


def write_list(stages, *entries):
    (stages.folder / "models" / "us_revenue.experiments.yaml").write_text(yaml.safe_dump(list(entries)))


def test_an_experiment_becomes_a_lift_test_that_waits_for_an_approval(listed):
    result = listed.materialize(geo_lift)
    assert result.success
    found = listed.results.stored("geo_lift", VINTAGE).set_index("test_id")
    assert list(found.index) == ["tv-two-geos"]  # the other was not over
    row = found.loc["tv-two-geos"]
    assert row["incremental_outcome"] == pytest.approx(2 * 15 * 40.0, rel=0.2)
    shown = metadata(result, "geo_lift")
    assert shown["experiments"] == 1
    assert "data:image/png" in shown["tv-two-geos"]
    assert "| tv-two-geos | tv | g00;g01 |" in shown["table"]
    assert listed.materialize(lift_evidence, geo_lift).success
    scored = listed.results.stored("lift_evidence", VINTAGE).set_index("test_id")
    assert list(scored.index) == ["tv-two-geos"]
    assert scored.loc["tv-two-geos", "incremental_outcome"] == row["incremental_outcome"]
    assert scored.loc["tv-two-geos", "status"] == "needs review"
    assert not scored.loc["tv-two-geos", "calibrates"]


def test_a_model_without_experiments_says_so(unfitted):
    unfitted.write_spec()
    unfitted.freeze()
    result = unfitted.materialize(geo_lift)
    assert result.success
    assert checks(result)["experiments_can_be_believed"].description == "the model lists no experiment"
    assert len(unfitted.results.stored("geo_lift", VINTAGE)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"panel": "nowhere.csv"}, "tv-two-geos: panel nowhere.csv is in none of"),
        ({"treated": ["g00", "g0l"]}, "tv-two-geos: .*g0l"),
        ({"panel": "../sales.csv"}, "entry 1: panel: .*without"),
        ({"treatd": ["g00"]}, "entry 1: .*treated"),
        ({"spend": {"tv": [5, 5]}}, "tv-two-geos: spend of tv with and without the test is the same"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_by_name(listed, change, message):
    write_list(listed, {**ENTRY, **change})
    assert re.search(message, failure(listed.materialize(geo_lift)), re.DOTALL)
