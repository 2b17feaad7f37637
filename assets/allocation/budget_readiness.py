"""`budget_readiness`: whether the recommended budget may be acted on."""

import dagster as dg

from assets.allocation.answer import read_cells
from assets.allocation.long_term_of import long_term_of
from assets.allocation.of_one_posterior import refuse_another_posterior
from assets.code import code_version
from assets.models import load_model, spec_path, vintage_of
from assets.registry.readiness_tags import tag_readiness
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

SHOWN = ["gate", "passed", "message", "overridden", "decided_by", "decided_why"]


@model_asset(
    "allocation",
    "budget_readiness",
    deps=["registered_model"],
    description=(
        "Gates that a recommended budget passes before it is called ready: review, convergence, history, evidence, "
        "size of the move, extrapolation, probability and worth of a gain, each with its figure and the threshold of "
        "the model's `readiness:`; and who lets a gate pass that failed (`mmm_core.readiness.report.readiness`). A "
        "budget that is not ready is published with that mark and its reasons, which are tags of its version of "
        "`mmm_<model>_budget` too.\n\nGrain: one row a gate."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "readiness.report"),
    io_manager_key="results",
    checks={"budget_is_ready": "Every gate is passed, or let pass by somebody who says why and until when."},
)
def budget_readiness(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    budget_allocation,
    model_review,
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.readiness.gates import Verdict
    from mmm_core.readiness.overrides import overrides_beside
    from mmm_core.readiness.report import TABLE, readiness

    vintage = vintage_of(context.partition_key)
    spec = load_model(
        vintage.model
    )  # thresholds and horizon as the YAML has them now; no fit depends on them
    with stage(context, tracking, posteriors) as run:
        refuse_another_posterior(
            run.posterior_version, budget_allocation=budget_allocation, model_review=model_review
        )
        found = readiness(
            mmm_posterior,
            dict(zip(budget_allocation["channel"], budget_allocation["recommended_spend"], strict=True)),
            [Verdict(row.check_name, row.severity, row.passed) for row in model_review.itertuples()],
            vintage.week,
            spec.readiness,
            overrides_beside(spec, spec_path(vintage.model).parent),
            spec.budget,
            long_term_of(vintage, spec.budget, long_terms),
            read_cells(results, run.vintage, budget_allocation),
        )
        table = found.table()
        budget_version = tag_readiness(run, tracking, budget_allocation, found)
        run.run.log(dict(zip(table["gate"], table["figure"], strict=True)))
        return run.result(
            run.labelled(table),
            [
                check(
                    "budget_is_ready",
                    found.ready,
                    found.reasons or "every gate is passed",
                    severity=dg.AssetCheckSeverity.WARN,
                )
            ],
            shown=table[SHOWN],
            metadata={"verdict": found.verdict, "budget_version": budget_version},
            about=TABLE,
        )
