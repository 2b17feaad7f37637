"""`budget_allocation`: the spend that the next period should see."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from assets.allocation.answer import keep_answer
from assets.allocation.long_term_of import long_term_of
from assets.code import code_version
from assets.metadata import rounded
from assets.models import load_model, vintage_of
from assets.registry.answers import PREDICTORS, evidence_of, register_answer, save_counted
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

FIGURES = (
    "total",
    "current_revenue",
    "recommended_revenue",
    "gain",
    "gain_q05",
    "gain_q95",
    "probability_better",
    "gap",
)

PLAIN = "the most expected outcome of a fixed total, within the bounds of each channel"
"""What is asked where the YAML asks nothing else."""


@model_asset(
    "allocation",
    "budget_allocation",
    deps=["registered_model", "response_curves", "bvar_posterior"],
    description=(
        "The next period's budget that the model's YAML asks for: the split with the most expected revenue within its "
        "bounds, where it asks nothing else (`mmm_core.budget.allocation.allocate`); also as the MLflow model "
        "`mmm_<model>_budget`. With `budget: {horizon: long}` what media bring by way of the brand counts as well, as "
        "`bvar_posterior` has it; without one that can be planned by, the budget is refused.\n\n"
        "Grain: one row a paid channel."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "budget.allocation", "budget.counted", files=[PREDICTORS["budget"]]),
    io_manager_key="results",
    checks={
        "keeps_total_and_bounds": "The plan spends the total, every channel within its bounds.",
        "is_certified": "A bound on what any plan reaches shows that none beats this one by more than 0.1 %.",
    },
)
def budget_allocation(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.budget.allocation import allocate
    from mmm_core.budget.counted import counted_draws
    from mmm_core.plots import plots

    # The question as the YAML asks it now: it may have changed since the fit, which does not depend on it.
    vintage = vintage_of(context.partition_key)
    budget = load_model(vintage.model).budget
    with stage(context, tracking, posteriors) as run, TemporaryDirectory() as folder:
        long_term = long_term_of(vintage, budget, long_terms)
        allocation = allocate(mmm_posterior, budget, long_term=long_term)
        table = allocation.channels.assign(
            horizon=allocation.horizon,
            marginal_in=allocation.marginal_in,
            held_back_by="; ".join(allocation.prices),
        )
        spend, slack = table["recommended_spend"], 1e-6 * allocation.total
        within = spend.between(table["lower"] - slack, table["upper"] + slack).all()
        figures = {name: float(getattr(allocation, name)) for name in FIGURES}
        counted = counted_draws(mmm_posterior, budget, table, long_term)
        draws = save_counted(counted, Path(folder) / "draws.npz")
        version = register_answer(
            "budget", table, run, tracking, {"draws": draws}, evidence_of(mmm_posterior)
        )
        run.run.log(figures, params={"weeks": allocation.weeks})
        labelled = run.labelled(table)
        keep_answer(results, run.vintage, allocation, labelled)
        return run.result(
            labelled,
            [
                check(
                    "keeps_total_and_bounds",
                    within and abs(spend.sum() - allocation.total) <= slack,
                    f"{spend.sum():,.0f} of {allocation.total:,.0f} planned, "
                    f"{'all' if within else 'not all'} within bounds",
                ),
                # a search that stops at its limit leaves a looser bound: worth knowing, no fault
                check(
                    "is_certified",
                    allocation.gap <= 1e-3,
                    f"certificate leaves {allocation.gap:.2e} of what is maximised"
                    + (f": {allocation.stopped_early}" if allocation.stopped_early else ""),
                    severity=dg.AssetCheckSeverity.WARN,
                ),
            ],
            {"budget_allocation": lambda: plots.budget(allocation)},
            shown=table[["channel", "current_spend", "recommended_spend", "lower", "upper", "mroi", "note"]],
            metadata={
                "weeks": allocation.weeks,
                "outcome": allocation.outcome,
                "horizon": allocation.horizon,
                "approximate": allocation.approximate,
                "answer": dg.MetadataValue.md(
                    "\n".join(f"* {line}" for line in allocation.words or (PLAIN, *allocation.prices))
                ),
                "budget_version": version,
                **rounded(figures),
            },
        )
