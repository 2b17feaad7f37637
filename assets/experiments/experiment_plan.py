"""`experiment_plan`: which experiment is worth running next; worked out when it is asked for."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.allocation.long_term_of import long_term_of
from assets.code import code_version
from assets.models import load_model, vintage_of
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage
from mmm_core.plural import plural

if TYPE_CHECKING:
    from mmm_core.experiments.plan import ExperimentPlan

SHOWN = ["rank", "channel", "area", "weeks", "change", "incremental_spend", "roi", "detectable_roi", "power",
         "standard_error", "cost", "evsi", "evsi_se", "net_value"]  # fmt: skip


@model_asset(
    "experiments",
    "experiment_plan",
    deps=["registered_model", "bvar_posterior"],
    description=(
        "Experiments that could follow the data (channel, area, duration, size of change), each with the standard "
        "error and power it would have, what it costs, and the expected value of its result to the budget decision "
        "(`mmm_core.experiments.plan.plan_experiments`), as the model's YAML asks now. With `budget: {horizon: long}` "
        "what comes by way of the brand counts, as `bvar_posterior` has it. Only when it is asked for: the "
        "answer changes slowly. The next build of the reporting marts puts it into `rpt_experiment_plan`.\n\n"
        "Grain: one row an experiment."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "experiments.plan"),
    io_manager_key="results",
    checks={
        "worth_is_possible": "No result is worth more than knowing every channel's response for certain.",
        "every_channel_can_be_tested": "Every channel that the YAML asks about has an experiment that can be run.",
    },
)
def experiment_plan(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.experiments.plan import plan_experiments
    from mmm_core.plots import experiments as plots

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    with stage(context, tracking, posteriors) as run:
        long_term = long_term_of(vintage, spec.budget, long_terms)
        found = plan_experiments(mmm_posterior, spec.experiments, spec.budget, long_term=long_term)
        best = found.table.iloc[0]
        figures = {"perfect_information": found.perfect.evsi, "best_net_value": float(best["net_value"])}
        run.run.log(
            figures | {"worth_running": found.worth_running}, params={"horizon_weeks": found.horizon_weeks}
        )
        run.run.table(found.designs(spec), "lift_tests_to_fill_in")
        table = found.table.drop(columns="approximate", errors="ignore").assign(
            horizon_weeks=found.horizon_weeks,
            price_of_spend=found.price,
            perfect_information=found.perfect.evsi,
            outcome=found.outcome,
            horizon=found.horizon,
        )
        return run.result(
            run.labelled(table),
            [_possible(found), _testable(found)],
            {"experiment_plan": lambda: plots.experiments(found)},
            shown=found.best[SHOWN],
            metadata={
                "found": found.words,
                "horizon": found.horizon,
                "counted": found.counted or "what media bring within their carryover",
                "most_worth_running": best["experiment"],
                "worth_running": found.worth_running,
                "horizon_weeks": found.horizon_weeks,
                "outcome": found.outcome,
                "approximate": found.approximate,
            },
        )


def _possible(found: "ExperimentPlan") -> dg.AssetCheckResult:
    """Whether the regression behind the values kept within what there is to gain."""
    most = found.perfect.evsi + 2 * found.perfect.standard_error
    above = found.table[found.table["evsi"] - 2 * found.table["evsi_se"] > most]
    words = f"{found.table['evsi'].max():,.0f} at most, of {found.perfect.evsi:,.0f} for perfect knowledge"
    named = "".join(f"; {name} is above" for name in above["experiment"])
    return check("worth_is_possible", above.empty, words + named)


def _testable(found: "ExperimentPlan") -> dg.AssetCheckResult:
    words = "\n".join(found.passed_over) or (
        f"{plural(len(found.table), 'experiment')} of {plural(len(found.best), 'channel')}"
    )
    return check(
        "every_channel_can_be_tested", not found.passed_over, words, severity=dg.AssetCheckSeverity.WARN
    )
