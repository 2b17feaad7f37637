"""`impulse_responses`: what follows a week of a channel's media, and a shock of each variable."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.long_term.outcome import read_from, skipped
from assets.models import vintage_of
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

if TYPE_CHECKING:
    import pandas as pd

REACH = "media_reach_base_sales"


@model_asset(
    "long_term",
    "impulse_responses",
    deps=["registered_model"],
    description=(
        "What follows an average week of each channel's spend, and a shock of each variable, in the metrics and in "
        "base sales, week by week (`mmm_core.long_term.stage.LongTerm.responses`). Empty for a model without brand "
        "metrics.\n\n"
        "Grain: one row a kind, cause, response and week after it."
    ),
    kinds={"numpy", "parquet"},
    code_version=code_version(__name__, "long_term.stage", "plots.long_term"),
    io_manager_key="results",
    checks={
        REACH: "Of at least one channel the data tell that base sales respond: on one side of 0 in 95 % of the draws."
    },
)
def impulse_responses(
    context: dg.AssetExecutionContext,
    bvar_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    with stage(context, tracking, posteriors) as run:
        if bvar_posterior is None:
            return skipped(run, "impulse_responses", [REACH])
        from mmm_core.long_term.variables import BASE
        from mmm_core.plots.long_term import responses as drawn

        table = bvar_posterior.responses()
        media = table[(table["kind"] == "media") & (table["response"] == BASE)]
        peaks = media.loc[media.groupby("cause")["median"].idxmax()]
        return read_from(
            run,
            bvar_posterior,
            long_terms.current(vintage),
            table,
            [media_reach(bvar_posterior.roi())],
            # of base sales alone: a panel for every pair takes seconds to draw, and the table has them all
            {"impulse_responses": lambda: drawn(table, vintage.model, BASE, bvar_posterior.severe)},
            peaks[["cause", "size", "weeks_after", "unit", "median", "q05", "q95"]],
        )


def media_reach(returns: "pd.DataFrame") -> dg.AssetCheckResult:
    """Whether the long-term return of any channel is told from none; `returns` of `LongTerm.roi()`."""
    from mmm_core.long_term.identification import told_from_none

    long = returns[(returns["effect"] == "long") & (returns["path"] == "all")]
    told = any(told_from_none(returns).values())
    lines = [f"{row.channel}: {row.positive:.0%} of the draws above 0" for row in long.itertuples()]
    said = "" if told else "no channel's effect on base sales is told from none; "
    return check(REACH, told, said + ", ".join(lines), severity=dg.AssetCheckSeverity.WARN)
