"""`reconciliation`: posterior, approved tests and the mart of claims, compared, kept and reported."""

import shutil

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.evidence.lift_evidence import lift_evidence
from assets.evidence.reconciliation import reconciliation
from assets.marts.assets import dbt_reporting
from mmm_core.posterior.schema import load_posterior
from tests.assets.evidence.test_lift_evidence import APPROVED, mart, write_mart, write_table
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks
from tests.mmm_core.posteriors import weekly_table

FILTER, APPROVALS = {"market": "us"}, "us_revenue.approvals.csv"


def claims(**roi):
    """The mart of attribution: claims of a unit of spend in every week of the table, and some of nobody."""
    weekly = weekly_table()
    tables = [
        pd.DataFrame({"channel": channel, "revenue": claimed * weekly[spend], "spend": weekly[spend]})
        for channel, claimed in roi.items()
        for spend in [f"{channel}_spend"]
    ]
    tables.append(pd.DataFrame({"channel": "email", "revenue": np.full(len(weekly), 5.0), "spend": np.nan}))
    found = pd.concat([table.assign(week_start=weekly["week_start"]) for table in tables])
    return found.assign(
        market="us", platform="ads", attribution_model="last_click", attribution_window="30d click", conversions=50.0,
        currency="USD", is_known_channel=True, days_reported=7,
    )  # fmt: skip


def write_claims(stages, table):
    with stages.warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
        connection.register("incoming", table)
        connection.execute("create or replace table marts.fct_attribution as select * from incoming")


@pytest.fixture
def compared(unfitted):
    """A registered posterior of market us, an approved test that it has not seen, and a mart of claims."""
    unfitted.write_spec(filter=FILTER, calibration={"approvals": APPROVALS})
    table = weekly_table().assign(market="us")
    write_table(unfitted, table)
    (unfitted.folder / "models" / APPROVALS).write_text(APPROVED)
    write_mart(unfitted, mart())
    write_claims(unfitted, claims(tv=2.0, search=90.0))
    assert unfitted.materialize(lift_evidence).success
    unfitted.registered(
        spec={**SMALL, "filter": FILTER, "calibration": {"approvals": APPROVALS}}, table=table
    )
    return unfitted


def test_sources_are_compared_and_disagreement_warns(compared):
    result = compared.materialize(reconciliation)
    assert result.success
    rows = compared.results.stored("reconciliation", VINTAGE).set_index("channel")
    assert rows.loc["tv", ["new_tests", "tests_in_posterior", "claimed_roi"]].tolist() == [
        1,
        0,
        pytest.approx(2.0),
    ]
    assert rows.loc["search", "claimed_roi"] == pytest.approx(90.0)
    assert rows["sources_disagree"].to_dict()["search"]
    assert set(rows["posterior_version"]) == {compared.posteriors.current(VINTAGE)}
    assert rows["last_week"].dt.date.unique().tolist() == [VINTAGE.week]
    found = checks(result)
    assert not found["sources_agree"].passed
    assert found["sources_agree"].severity == dg.AssetCheckSeverity.WARN
    assert "search: sources disagree: model and attribution (p" in found["sources_agree"].description
    assert found["claims_reach_a_channel"].passed
    shown = metadata(result, "reconciliation")
    assert shown["reconciliation"].startswith("![")
    assert "| tv | test | tv-on |" in shown["sources"]
    assert "| us | email |" in shown["claims_left_out"]
    run = shown["mlflow_run"].rsplit("/", 1)[1]
    artifacts = {file.path for file in compared.tracking.client().list_artifacts(run)}
    assert {"reconciliation.csv", "reconciliation.png", "sources.csv", "pairs.csv"} <= artifacts


def test_the_rule_is_the_yamls_of_now_and_changes_no_posterior(compared):
    version = compared.posteriors.current(VINTAGE)
    compared.materialize(reconciliation)
    before = compared.results.stored("reconciliation", VINTAGE).set_index("channel")
    rule = {"weeks": 20, "weights": {"model": 1}, "attribution": {"bias": {"mean": 3.0}}}
    compared.write_spec(filter=FILTER, calibration={"approvals": APPROVALS}, reconciliation=rule)
    write_claims(compared, claims(tv=2.0).assign(market="(unmapped)"))
    result = compared.materialize(reconciliation)
    after = compared.results.stored("reconciliation", VINTAGE).set_index("channel")
    assert compared.posteriors.current(VINTAGE) == version
    assert after["first_week"].iloc[0] > before["first_week"].iloc[0]
    assert after.loc["tv", "weight_model"] == 1
    assert after["claimed_roi"].isna().all()
    assert "attribution" not in checks(result)["sources_agree"].description


def test_tests_that_calibrated_the_posterior_count_no_second_time(compared):
    text = compared.evidence
    kept = text.checked(VINTAGE, text.current(VINTAGE)).read_text()
    assert '"tests": []' in kept  # the YAML asks for no calibration, and the test is compared all the same
    compared.write_spec(filter=FILTER, calibration={"lift_tests": "approved", "approvals": APPROVALS})
    compared.materialize(lift_evidence)
    seen = text.checked(VINTAGE, text.current(VINTAGE)).read_text()
    calibration = {"lift_tests": "approved", "approvals": APPROVALS}
    spec = {**SMALL, "filter": FILTER, "calibration": calibration}
    table = weekly_table().assign(market="us")
    compared.registered(spec=spec, table=table, attrs={"lift_tests": seen})
    assert compared.materialize(reconciliation).success
    rows = compared.results.stored("reconciliation", VINTAGE).set_index("channel")
    assert rows.loc["tv", ["new_tests", "tests_in_posterior", "weight_tests"]].tolist() == [0, 1, 0]
    tree = load_posterior(compared.posteriors.path(VINTAGE, compared.posteriors.current(VINTAGE)))
    assert "tv-on" in tree.attrs["lift_tests"]


@pytest.mark.slow
def test_analysts_find_it_in_a_mart(compared, built_warehouse, tmp_path):
    compared.materialize(reconciliation)
    (tmp_path / "platform").mkdir()
    platform = built_warehouse.copy_to(tmp_path / "platform")
    shutil.copytree(compared.results.folder, platform.folder / "results")
    only = dg.AssetSelection.keys(["reporting", "rpt_reconciliation"])
    assert platform.run(dbt_reporting, selection=only).success
    rows = platform.query("from reporting.rpt_reconciliation where is_latest").set_index("channel")
    kept = compared.results.stored("reconciliation", VINTAGE).set_index("channel")
    assert rows["fused_roi"].to_dict() == pytest.approx(kept["fused_roi"].to_dict())
    assert rows["sources_disagree"].to_dict() == kept["sources_disagree"].to_dict()
    assert rows.loc["tv", "label"] == "Television"
    assert set(rows["reconciliation_version"]) == {
        compared.results.versions("reconciliation").current(VINTAGE)
    }
