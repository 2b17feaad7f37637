"""`budget_scenarios`: plans of the coming weeks held against each other."""

import dagster as dg

from assets.allocation.earlier_budgets import earlier_budgets
from assets.allocation.long_term_of import long_term_of
from assets.allocation.of_one_posterior import refuse_another_posterior
from assets.code import code_version
from assets.models import load_model, spec_path, vintage_of
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

SHOWN = [
    "kind", "scenario", "spend", "outcome", "incremental", "profit", "gain", "gain_q05", "gain_q95",
    "probability_better",
]  # fmt: skip


@model_asset(
    "allocation",
    "budget_scenarios",
    deps=["registered_model", "bvar_posterior"],
    description=(
        "Plans of the coming weeks held against each other: `current`, what `budget_allocation` recommends, those of "
        "the model's `scenarios:`, and the best plan at each of several budgets where it asks for a sweep; and what "
        "was spent since earlier published recommendations against them "
        "(`mmm_core.scenarios.report.evaluate_scenarios`). Works out what a plan brings draw by draw, on common "
        "draws. With `budget: {horizon: long}` every plan counts what media bring by way of the brand as well.\n\n"
        "Grain: one row a plan, one a plan and paid channel, and one a pair of plans of the coming weeks, both ways."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "scenarios.rows"),
    io_manager_key="results",
    checks={
        "every_plan_is_evaluated": "No plan of the YAML, and no earlier recommendation, was left out.",
        "recommended_brings_what_was_claimed": "The recommended plan brings what the allocation says of it.",
    },
)
def budget_scenarios(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    budget_allocation,
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.plots import scenarios as plots
    from mmm_core.plural import plural
    from mmm_core.posterior.handle import Posterior
    from mmm_core.scenarios.report import evaluate_scenarios
    from mmm_core.scenarios.rows import PAIR, ROWS, rows_of

    vintage = vintage_of(context.partition_key)
    spec = load_model(
        vintage.model
    )  # plans, margin and budget as the YAML has them now; no fit depends on them
    posterior = Posterior.of(mmm_posterior)
    with stage(context, tracking, posteriors) as run:
        refuse_another_posterior(run.posterior_version, budget_allocation=budget_allocation)
        found = evaluate_scenarios(
            posterior,
            spec.scenarios,
            spec.budget,
            spec.margin,
            folder=spec_path(vintage.model).parent,
            published=dict(
                zip(budget_allocation["channel"], budget_allocation["recommended_spend"], strict=True)
            ),
            earlier=earlier_budgets(results, vintage, posterior, spec.budget.weeks),
            tolerant=True,
            long_term=long_term_of(vintage, spec.budget, long_terms),
        )
        table = rows_of(found)
        whole = table[(table["channel"] == "") & (table["kind"] != PAIR)]
        run.run.log({"plans": len(found.names), "left_out": len(found.left_out)})
        pictures = {"scenarios": lambda: plots.scenarios(found)}
        if found.sweep is not None and len(found.sweep):
            pictures["budget_sweep"] = lambda: plots.frontier(found)
        return run.result(
            run.labelled(table),
            [
                check(
                    "every_plan_is_evaluated",
                    not found.left_out,
                    "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
                    or plural(len(found.names), "plan"),
                    severity=dg.AssetCheckSeverity.WARN,
                ),
                check("recommended_brings_what_was_claimed", *_claim(found, budget_allocation, spec)),
            ],
            pictures,
            shown=whole[SHOWN],
            metadata={
                "weeks": found.weeks,
                "compared_by": found.gain_in,
                "horizon": found.horizon,
                "found": dg.MetadataValue.md("\n".join(f"* {line}" for line in found.words)),
            },
            about=ROWS,
        )


def _claim(found, budget_allocation, spec) -> tuple[bool, str]:
    """Whether plan and allocation agree, where both count the same, and in words."""
    if "recommended" not in found.names:
        return True, "no plan is recommended for these weeks"
    if spec.kpi.scale == "log" or found.weeks != spec.budget.weeks:
        return True, "the allocation counts otherwise: a log KPI, or other weeks"
    brought = float(found.of("recommended").draws["incremental"].mean())
    claimed = float(budget_allocation["recommended_revenue"].sum())
    return abs(brought - claimed) <= 1e-6 * max(abs(claimed), 1.0), f"{brought:,.0f}, claimed {claimed:,.0f}"
