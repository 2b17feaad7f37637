"""`lift_evidence`: the scorecard of a model's lift tests, and the approved ones that calibrate it."""

import hashlib
from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.evidence.mart_tests import MART, MartTests
from assets.evidence.scored import scored_tests
from assets.metadata import preview, table_metadata
from assets.model_inputs.as_known import marts_of
from assets.models import load_model, vintage_of
from assets.resources.stores import EvidenceStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset

if TYPE_CHECKING:
    from mmm_core.evidence.scorecard import Scorecard

SHOWN = ["test_id", "status", "channels", "end_date", "incremental_outcome", "standard_error", "calibrating_error",
         "weight", "decided_by", "reasons"]  # fmt: skip


@model_asset(
    "evidence",
    "lift_evidence",
    deps=["model_table", "geo_lift", dg.AssetKey(["marts", MART])],
    description=(
        "The lift tests of the model's market that were known by this as-of week, held against the frozen table, "
        "scored by the YAML's rule and decided by its approvals (`mmm_core.evidence.scorecard.scorecard`); only "
        "approved ones calibrate the model. The next build of the reporting marts puts them into "
        "`rpt_lift_evidence`.\n\n"
        "Grain: one row a test; beside it one file of the tests that calibrate, which a fit reads."
    ),
    kinds={"duckdb", "parquet"},
    pool=POOL,
    code_version=code_version(
        __name__, "data.arrays", "evidence.scorecard", "evidence.reader", "evidence.beside"
    ),
    io_manager_key="evidence",
    checks={
        "approved_tests_agree_with_the_data": "No test that somebody approved contradicts the model's table.",
        "reports_can_be_read": "Every test of the market in the mart has a result that can be used.",
        "approvals_name_known_tests": (
            "Every line of the approvals, and every name of `as_roi_prior`, is of a test that was reported."
        ),
    },
)
def lift_evidence(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    vintages: dg.ResourceParam[VintageStore],
    evidence: dg.ResourceParam[EvidenceStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.data.arrays import model_data
    from mmm_core.data.reader import read_table
    from mmm_core.evidence.beside import unknown_approvals, unknown_priors
    from mmm_core.evidence.scorecard import TABLE

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    frozen = vintages.checked(vintage, vintages.current(vintage))
    data = model_data(read_table(frozen), spec, str(frozen))
    scored = scored_tests(marts_of(warehouse, vintages, vintage), results, spec, data, vintage)
    card, mart = scored.card, scored.mart
    calibrating = card.evidence if spec.calibration.lift_tests else card.evidence.without_tests()
    text = calibrating.to_json()
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    evidence.save(vintage, version, text)
    table = card.table.assign(calibrates=[test_id in calibrating for test_id in card.table["test_id"]])
    results.versions("lift_evidence").point(vintage, results.keep("lift_evidence", vintage, table))
    with tracking.run(
        context, vintage, required=False, spec_hash=spec.spec_hash, data_version=calibrating.version
    ) as run:
        run.log(metrics={f"tests/{status}": count for status, count in card.counts.items()})
        run.table(table, "lift_evidence")
        run.text(text, "evidence.json")
    return dg.MaterializeResult(
        value=version,
        data_version=dg.DataVersion(calibrating.version),
        metadata={
            **table_metadata(table, TABLE),
            "table": preview(table[SHOWN], rows=50),
            "found": card.words,
            "calibrating": len(calibrating.tests),
            "evidence_version": calibrating.version,
            **run.metadata,
        },
        check_results=[
            _agree(card),
            _readable(mart),
            _known(
                unknown_approvals(scored.approvals, scored.reported), unknown_priors(spec, scored.reported)
            ),
        ],
    )


def _agree(card: "Scorecard") -> dg.AssetCheckResult:
    """Approved by a person and rejected by the data: one of the two is wrong, and nobody would see it in the fit."""
    wrong = [
        f"{scored.test_id}: {'; '.join(scored.reasons)}"
        for scored in card.tests
        if scored.status == "rejected" and scored.approval and scored.approval.approves
    ]
    return check("approved_tests_agree_with_the_data", not wrong, "\n".join(wrong) or card.words)


def _readable(mart: MartTests) -> dg.AssetCheckResult:
    faults = [f"{test_id}: {fault}" for test_id, fault in (mart.unreadable or {}).items()]
    words = "\n".join(faults) or f"{len(mart.tests)} tests of the market"
    return check("reports_can_be_read", not faults, words, severity=dg.AssetCheckSeverity.WARN)


def _known(approved: list[str], priors: list[str]) -> dg.AssetCheckResult:
    nowhere = {"decided about": approved, "named in `as_roi_prior`": priors}
    faults = [
        f"{where}, and never reported: {', '.join(names)}: mend the name"
        for where, names in nowhere.items()
        if names
    ]
    words = "\n".join(faults) or "all of them are"
    return check("approvals_name_known_tests", not faults, words, severity=dg.AssetCheckSeverity.WARN)
