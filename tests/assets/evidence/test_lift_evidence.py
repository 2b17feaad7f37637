"""`lift_evidence`: tests of the mart scored on a frozen vintage, kept as a file that a fit reads, and reported."""

import shutil

import duckdb
import pandas as pd
import pytest

from assets.evidence.lift_evidence import lift_evidence
from assets.evidence.mart_tests import read_tests
from assets.marts.assets import dbt_reporting
from assets.models import load_model
from assets.publish.published_marts import published_marts
from assets.resources.versions import Damaged
from mmm_core.errors import InputError
from mmm_core.evidence.stored import read_evidence
from mmm_core.spec.model_spec import parse_spec
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure
from tests.mmm_core.posteriors import weekly_table

CALIBRATION = {"lift_tests": "approved", "approvals": "us_revenue.approvals.csv"}
APPROVED = "test_id,by,on\ntv-on,team:science,2024-07-08\nno-error,team:science,2024-07-08\n"


def mart(**changes):
    """Three tests of market us and one of uk, as the mart has them; `changes` are columns."""
    spent = weekly_table().set_index("week_start")["tv_spend"]["2024-06-03":"2024-06-24"].sum()
    row = {
        "test_id": "tv-on", "market": "us", "channels": "tv", "geos": "all", "population_share": None,
        "population_covered": 1.0, "start_date": pd.Timestamp("2024-06-03"), "end_date": pd.Timestamp("2024-06-30"),
        "post_weeks": 0, "design": "conversion_lift", "outcome": "revenue", "incremental_outcome": 1500.0,
        "roi": None, "cost_per_target": None, "standard_error": 400.0, "interval_low": None, "interval_high": None,
        "interval_level": None,
        "spend_with_by_channel": str(spent), "spend_without_by_channel": "0", "weekly_spend_without": None,
        "currency": "USD", "source": "ad platform", "reported_date": pd.Timestamp("2024-07-01"),
        "pre_period_error": None, "status": "approved",
    }  # fmt: skip
    others = [
        {"test_id": "no-error", "standard_error": 0.0},
        {"test_id": "nobody", "start_date": pd.Timestamp("2024-07-01"), "end_date": pd.Timestamp("2024-07-28"),
         "reported_date": pd.Timestamp("2024-08-05"),
         "spend_with_by_channel": "1"},
        {"test_id": "british", "market": "uk"},
    ]  # fmt: skip
    table = pd.DataFrame([row, *({**row, **other} for other in others)]).assign(**changes)
    texts = ("weekly_spend_without",)
    numbers = (
        "population_share",
        "roi",
        "interval_low",
        "interval_high",
        "interval_level",
        "pre_period_error",
    )
    return table.astype({**dict.fromkeys(texts, "string"), **dict.fromkeys(numbers, float)})


@pytest.fixture
def calibrated(unfitted):
    """A frozen vintage of a model that asks for approved tests, and a warehouse with the mart of tests."""
    unfitted.write_spec(filter={"market": "us"}, calibration=CALIBRATION)
    write_table(unfitted, weekly_table().assign(market="us"))
    (unfitted.folder / "models" / "us_revenue.approvals.csv").write_text(APPROVED)
    write_mart(unfitted, mart())
    return unfitted


def write_table(stages, table):
    stages.vintages.save(VINTAGE, "table", table)
    stages.vintages.point(VINTAGE, "table")


def write_mart(stages, table):
    with stages.warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
        connection.register("incoming", table)
        connection.execute("create or replace table marts.fct_lift_tests as select * from incoming")


def stored(stages):
    return read_evidence(stages.evidence.checked(VINTAGE, stages.evidence.current(VINTAGE)))


def test_approved_tests_are_kept_for_the_fit_and_every_test_is_shown(calibrated):
    result = calibrated.materialize(lift_evidence)
    assert result.success
    kept = stored(calibrated)
    assert [weighed.test.test_id for weighed in kept.tests] == ["tv-on"]
    assert kept.tests[0].test.geos == ()
    assert kept.tests[0].standard_error > 400
    assert [aside.test_id for aside in kept.set_aside] == ["no-error", "nobody"]
    table = calibrated.results.stored("lift_evidence", VINTAGE).set_index("test_id")
    assert table["status"].to_dict() == {"tv-on": "approved", "no-error": "rejected", "nobody": "rejected"}
    assert table["calibrates"].to_dict() == {"tv-on": True, "no-error": False, "nobody": False}
    shown = metadata(result, "lift_evidence")
    assert shown["found"] == "1 approved, 2 rejected"
    assert "| tv-on | approved | tv |" in shown["table"]
    (event,) = result.asset_materializations_for_node("lift_evidence")
    assert event.tags["dagster/data_version"] == kept.version


def test_a_person_and_the_data_that_disagree_are_named(calibrated):
    found = checks(calibrated.materialize(lift_evidence))
    agree, readable, known = (
        found[name]
        for name in (
            "approved_tests_agree_with_the_data",
            "reports_can_be_read",
            "approvals_name_known_tests",
        )
    )
    assert not agree.passed
    assert "no-error: column standard_error: 0 is not above 0" in agree.description
    assert not readable.passed
    assert readable.description.startswith("no-error: column standard_error")
    assert known.passed
    names, errors = ["tv-on", "later", "nobody", "british"], [400.0, 401.0, 400.0, 400.0]
    write_mart(calibrated, mart(standard_error=errors, test_id=names))
    found = checks(calibrated.materialize(lift_evidence))
    assert found["reports_can_be_read"].passed
    assert "never reported: no-error" in found["approvals_name_known_tests"].description


def test_a_read_out_that_cannot_be_used_is_rejected_and_never_lost(calibrated):
    """Its panel gave it no error worth the name, say: in the scorecard it stands with the reason."""
    rows = mart(test_id=["geo-1", "geo-2", "geo-3", "geo-4"]).head(1).drop(columns="population_covered")
    rows = rows.rename(columns=lambda name: name.removesuffix("_by_channel")).assign(standard_error=0.0)
    calibrated.results.versions("geo_lift").point(VINTAGE, calibrated.results.keep("geo_lift", VINTAGE, rows))
    found = checks(calibrated.materialize(lift_evidence))["reports_can_be_read"]
    assert "geo-1: column standard_error: 0 is not above 0" in found.description
    kept = {aside.test_id: aside.status for aside in stored(calibrated).set_aside}
    assert kept["geo-1"] == "rejected"


def test_a_prior_of_a_test_that_nobody_reported_is_named(calibrated):
    wanted = {**CALIBRATION, "as_roi_prior": ["tv-on", "tv-off"]}
    calibrated.write_spec(filter={"market": "us"}, calibration=wanted)
    known = checks(calibrated.materialize(lift_evidence))["approvals_name_known_tests"]
    assert not known.passed
    assert known.description == "named in `as_roi_prior`, and never reported: tv-off: mend the name"


def test_what_nobody_approved_changes_no_posterior(calibrated):
    calibrated.materialize(lift_evidence)
    before, file = stored(calibrated).version, calibrated.evidence.current(VINTAGE)
    changed = mart()
    changed.loc[changed["test_id"] == "nobody", "test_id"] = "renamed"
    write_mart(calibrated, changed)
    calibrated.materialize(lift_evidence)
    assert stored(calibrated).version == before
    assert calibrated.evidence.current(VINTAGE) != file


def test_a_model_that_asks_for_no_calibration_gets_none_and_still_a_scorecard(calibrated):
    calibrated.write_spec(filter={"market": "us"}, calibration={"approvals": CALIBRATION["approvals"]})
    assert calibrated.materialize(lift_evidence).success
    kept = stored(calibrated)
    assert kept.tests == ()
    (unused,) = [aside for aside in kept.set_aside if aside.test_id == "tv-on"]
    assert "does not ask for it" in unused.reasons[0]
    table = calibrated.results.stored("lift_evidence", VINTAGE)
    assert not table["calibrates"].any()


def test_a_model_without_a_market_has_the_tests_beside_it_alone(unfitted):
    (unfitted.folder / "models" / "own.csv").write_text(
        "test_id,channels,start_date,end_date,design,roi,standard_error,spend_with,spend_without\n"
        "own,search,2024-09-02,2024-09-29,conversion_lift,2,0.5,10,5\n"
    )
    unfitted.write_spec(calibration={"lift_tests": "approved", "tests": "own.csv"})
    assert unfitted.materialize(lift_evidence).success  # there is no mart
    (aside,) = stored(unfitted).set_aside
    assert (aside.test_id, aside.status) == ("own", "rejected")
    assert "it spent 10 on search" in aside.reasons[0]


def test_a_damaged_file_is_put_aside_and_made_again(calibrated):
    calibrated.materialize(lift_evidence)
    version = calibrated.evidence.current(VINTAGE)
    path = calibrated.evidence.path(VINTAGE, version)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(Damaged, match=r"materialize lift_evidence for .* which scores the tests again"):
        calibrated.evidence.checked(VINTAGE, version)
    assert calibrated.materialize(lift_evidence).success
    assert calibrated.evidence.checked(VINTAGE, version).read_bytes() == whole


def test_a_mart_that_was_not_built_is_named(unfitted):
    unfitted.write_spec(filter={"market": "us"}, calibration=CALIBRATION)
    (unfitted.folder / "models" / "us_revenue.approvals.csv").write_text(APPROVED)
    with unfitted.warehouse.connect() as connection:
        connection.execute("create schema marts")
    with pytest.raises(InputError, match=r"marts.fct_lift_tests has not been built: run make refresh"):
        read_tests(unfitted.warehouse, load_model(VINTAGE.model))


def test_an_approvals_file_that_is_not_there_stops_the_asset(calibrated):
    (calibrated.folder / "models" / "us_revenue.approvals.csv").unlink()
    result = calibrated.materialize(lift_evidence)
    assert not result.success
    assert "us_revenue.approvals.csv is not there: put the file beside the model's YAML" in failure(result)


def test_a_national_model_takes_the_share_of_the_tested_geos_from_the_mart(calibrated):
    write_mart(calibrated, mart(geos="g01;g02", population_covered=0.25))
    spec = parse_spec({**SMALL, "filter": {"market": "us"}})
    tests = {test.test_id: test for test in read_tests(calibrated.warehouse, spec).tests}
    assert (tests["tv-on"].geos, tests["tv-on"].share) == (("g01", "g02"), 0.25)
    panel = parse_spec({**SMALL, "filter": {"market": "us"}, "geo": {}})
    assert {test.share for test in read_tests(calibrated.warehouse, panel).tests} == {1.0}


@pytest.mark.slow
def test_analysts_find_it_in_the_published_copy(calibrated, built_warehouse, tmp_path):
    calibrated.materialize(lift_evidence)
    (tmp_path / "platform").mkdir()
    platform = built_warehouse.copy_to(tmp_path / "platform")
    shutil.copytree(calibrated.results.folder, platform.folder / "results")
    assert platform.run(dbt_reporting, published_marts).success
    with duckdb.connect(str(platform.published / "marts.duckdb"), read_only=True) as published:
        rows = published.execute("from reporting.rpt_lift_evidence order by test_id").df()
    assert rows["test_id"].tolist() == ["no-error", "nobody", "tv-on"]
    assert rows["is_latest"].all()
    approved = rows.iloc[2]
    assert approved["calibrating_error"] == pytest.approx(400 * approved["inflation"])
    assert approved["roi_standard_error"] == pytest.approx(400 / approved["incremental_spend"])
    assert rows["reasons"].isna().tolist() == [False, False, True]


@pytest.mark.slow
def test_the_sample_worlds_tests_are_read_from_its_marts(built_warehouse):
    """Every test that the world landed is a record again, with the spend, error and window it was made with."""
    from mmm_core.simulate import lift_tests

    for market in built_warehouse.world.markets:
        spec = parse_spec({**SMALL, "filter": {"market": market.name}, "geo": {}})
        read = read_tests(built_warehouse.warehouse, spec)
        assert not read.unreadable
        made = lift_tests(market).set_index("test_id")
        assert {test.test_id for test in read.tests} == set(made.index)
        for test in read.tests:
            row = made.loc[test.test_id]
            assert test.incremental == row["incremental_outcome"]
            assert test.standard_error == row["standard_error"]
            assert test.spend[row["channels"]].actual == row["spend_with"]
            assert test.spend[row["channels"]].without == row["spend_without"]
            assert pd.Timestamp(test.start) == row["start_date"]
            assert pd.Timestamp(test.known_on) == row["reported_date"]
            assert test.geos == (() if row["geos"] == "all" else tuple(row["geos"].split(";")))
