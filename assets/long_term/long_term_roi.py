"""`long_term_roi`: what a unit of spend brings by way of the brand, in months to come."""

import dagster as dg

from assets.code import code_version
from assets.long_term.outcome import read_from, skipped
from assets.models import vintage_of
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

EFFECTS = ("long", "long_run", "permanent")
LONG_RUN = "long_run_exists"
SHOWN = ["channel", "effect", "path", "horizon_weeks", "mean", "median", "q05", "q95", "positive"]


@model_asset(
    "long_term",
    "long_term_roi",
    deps=["registered_model"],
    description=(
        "Revenue per unit of spend that each channel brings by way of the brand: within the YAML's horizon, and of "
        "that by each metric it enters base sales by, and over all weeks to come where the draws have a long run, or "
        "what stays for good where base sales are a unit root (`mmm_core.long_term.stage.LongTerm.roi`). Empty for a "
        "model without brand metrics.\n\n"
        "Grain: one row a channel, effect (long, long_run or permanent) and path."
    ),
    kinds={"numpy", "parquet"},
    code_version=code_version(__name__, "long_term.stage", "plots.long_term"),
    io_manager_key="results",
    checks={LONG_RUN: "Effects die out, so that there are figures over all weeks to come."},
)
def long_term_roi(
    context: dg.AssetExecutionContext,
    bvar_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    with stage(context, tracking, posteriors) as run:
        if bvar_posterior is None:
            return skipped(run, "long_term_roi", [LONG_RUN])
        from mmm_core.plots.long_term import returns as drawn

        table = bvar_posterior.roi()
        long = table[table["effect"].isin(EFFECTS)].reset_index(drop=True)
        whole = long[(long["path"] == "all") & (long["effect"] == "long")]
        run.run.log({f"long_term_roi/{row.channel}": row.median for row in whole.itertuples()})
        refused = bvar_posterior.long_run_refused
        share = f"{bvar_posterior.stable_share:.0%} of the draws are stable"
        return read_from(
            run,
            bvar_posterior,
            long_terms.current(vintage),
            long,
            [check(LONG_RUN, not refused, refused or share, severity=dg.AssetCheckSeverity.WARN)],
            {"long_term_roi": lambda: drawn(table, vintage.model, bvar_posterior.attrs["returns"])},
            long[SHOWN],
            {"long_run": refused or share, "horizon_weeks": int(whole["horizon_weeks"].iloc[0])},
        )
