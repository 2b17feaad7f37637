"""`model_review`: is this model fit to be used? Checks of `mmm_core.review` are asset checks; ERROR ones block."""

import dagster as dg

from assets.code import code_version
from assets.metadata import rounded
from assets.models import load_model, vintage_of
from assets.resources.pools import place
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check_spec, model_asset, stage
from mmm_core.review import CHECKS

SEVERITY = {"ERROR": dg.AssetCheckSeverity.ERROR, "WARN": dg.AssetCheckSeverity.WARN}


@model_asset(
    "posteriors",
    "model_review",
    deps=["registered_model"],
    description=(
        "Convergence, fit, coverage and plausibility of a posterior, each figure against its threshold "
        "(`mmm_core.review.review`). A failed ERROR check stops promotion and publication, not the budget; the "
        "findings reach the warehouse either way.\n\nGrain: one row a check."
    ),
    kinds={"numpy", "duckdb"},
    code_version=code_version(__name__, "review.gate"),
    io_manager_key="results",
    check_specs=[
        check_spec(c.name, "model_review", c.description, blocking=c.severity == "ERROR") for c in CHECKS
    ],
)
def model_review(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
    warehouse: Warehouse,
) -> dg.MaterializeResult:
    import pandas as pd

    from mmm_core.plots import plots
    from mmm_core.review import review

    vintage = vintage_of(context.partition_key)
    thresholds = load_model(vintage.model).review  # as the YAML has them now; the fit does not depend on them
    held_out = thresholds.held_out(mmm_posterior["constant_data"].sizes["week"])
    holdouts = posteriors.load_holdouts(vintage, posteriors.current(vintage), held_out)
    with stage(context, tracking, posteriors) as run:
        found = review(
            mmm_posterior, thresholds, holdouts=holdouts, previous=posteriors.load_previous(vintage)
        )
        table = pd.DataFrame(
            {
                "check_name": [result.name for result in found],
                "severity": [result.severity for result in found],
                "passed": [bool(result.passed) for result in found],
                "figure": [float(result.figure) for result in found],
                "threshold": [float(result.threshold) for result in found],
                "message": [result.message for result in found],
            }
        )
        failed = table.loc[~table["passed"] & (table["severity"] == "ERROR"), "check_name"].tolist()
        run.run.log(dict(zip(table["check_name"], table["figure"], strict=True)))
        tracking.client().set_model_version_tag(
            f"mmm_{vintage.model}",
            run.model_version,
            "review",
            f"failed: {', '.join(failed)}" if failed else "passed",
        )
        labelled = run.labelled(table)
        with place(context, POOL):  # for the moment of writing: what comes before takes seconds
            warehouse.replace_results({"model_review": labelled}, vintage.model, vintage.as_of_week)
        return run.result(
            labelled,
            [
                dg.AssetCheckResult(
                    check_name=result.name,
                    passed=bool(result.passed),
                    severity=SEVERITY[result.severity],
                    description=result.message,
                    metadata=rounded({"figure": result.figure, "threshold": result.threshold}),
                )
                for result in found
            ],
            {"fit": lambda: plots.fit(mmm_posterior)},
            shown=table,
            metadata={"failed": ", ".join(failed) or "none"},
        )
