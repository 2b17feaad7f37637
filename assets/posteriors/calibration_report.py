"""`calibration_report`: what the lift tests moved, and whether the model foresaw them."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.models import Vintage, load_model, vintage_of
from assets.posteriors.fit_inputs import FitInputs
from assets.resources.fitting import FitProcess
from assets.resources.pools import place
from assets.resources.stores import EvidenceStore, PosteriorStore, VintageStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

if TYPE_CHECKING:
    from mmm_core.agreement.report import CalibrationReport

SHOWN = ["test_id", "channels", "measured", "unseen_lift", "unseen_p_value", "calibrated_lift", "calibrated_p_value",
         "unseen_roi", "calibrated_roi", "unseen_method"]  # fmt: skip


@model_asset(
    "posteriors",
    "calibration_report",
    deps=["mmm_posterior", "lift_evidence", "registered_model"],
    description=(
        "Every lift test that calibrates the model left out in turn, and all of them: what the model would have "
        "measured, the probability of a result that far out, and the ROI of every channel before and after "
        "(`mmm_core.agreement.report.calibration_report`). Empty where no test calibrates.\n\n"
        "Grain: one row a channel and what was left out, a test or all; figures of a test stand in each of its rows."
    ),
    kinds={"numpyro", "parquet"},
    code_version=code_version(__name__, "agreement.stored", "agreement.moves", "plots.agreement"),
    io_manager_key="results",
    checks={
        "tests_were_foreseen": "No test measured what the model without it holds next to impossible.",
        "every_test_was_left_out": "The model without each test is known, by weights or a refit.",
    },
)
def calibration_report(
    context: dg.AssetExecutionContext,
    vintages: dg.ResourceParam[VintageStore],
    evidence: dg.ResourceParam[EvidenceStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    fit_process: FitProcess,
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.agreement.moves import channel_moves, summary, unforeseen, unknown
    from mmm_core.agreement.tables import ROI, TESTS, flat
    from mmm_core.plots.agreement import calibration

    vintage = vintage_of(context.partition_key)
    report = _report(context, vintage, vintages, evidence, posteriors, fit_process)
    with stage(context, tracking, posteriors) as run:
        lines = [f"{move.channel}: {move.words}" for move in channel_moves(report.roi)]
        run.run.log({f"p_value/{row.test_id}": row.unseen_p_value for row in report.tests.itertuples()})
        figures = (
            {"calibration": lambda: calibration(report.tests, report.approximate)}
            if len(report.tests)
            else {}
        )
        surprises, untold = unforeseen(report.tests), unknown(report.tests)
        return run.result(
            run.labelled(flat(report.tests, report.roi)),
            [
                check(
                    "tests_were_foreseen",
                    not surprises,
                    "\n".join(surprises) or summary(report.tests),
                    severity=dg.AssetCheckSeverity.WARN,
                ),
                check(
                    "every_test_was_left_out",
                    not untold,
                    f"not without {', '.join(untold)}" if untold else summary(report.tests),
                    severity=dg.AssetCheckSeverity.WARN,
                ),
            ],
            figures,
            shown=report.tests[SHOWN],
            about={**ROI, **TESTS},
            metadata={
                "found": summary(report.tests),
                "moved": dg.MetadataValue.md("\n".join(f"* {line}" for line in lines) or "no test"),
                "tests": len(report.tests),
            },
        )


def _report(
    context: dg.AssetExecutionContext,
    vintage: Vintage,
    vintages: VintageStore,
    evidence: EvidenceStore,
    posteriors: PosteriorStore,
    fit_process: FitProcess,
) -> "CalibrationReport":
    """What the fit's process left; made in one of its own where it left none."""
    from mmm_core.agreement.report import empty_report
    from mmm_core.agreement.stored import read_report
    from mmm_core.evidence.stored import read_evidence

    version = posteriors.current(vintage)
    tests_file = evidence.checked(vintage, evidence.current(vintage))
    if not read_evidence(tests_file).tests:
        return empty_report(load_model(vintage.model))
    target = posteriors.report_path(vintage, version)
    if not posteriors.has_report(vintage, version):
        table = vintages.checked(vintage, vintages.current(vintage))
        inputs = FitInputs(vintage, table, tests_file, version, posteriors.path(vintage, version))
        with place(context, "mcmc"):
            fit_process.run(context, inputs.extras({}, target))
    return read_report(target)
