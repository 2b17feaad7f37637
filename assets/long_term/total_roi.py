"""`total_roi`: short-term returns and those by way of the brand, added draw by draw."""

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

EFFECTS = ("short", "total")
SHORT = "short_is_that_of_roi"
MOST_APART = 5.0
"""Standard errors by which the mean of some draws may differ from that of all."""
SHOWN = ["channel", "effect", "horizon_weeks", "mean", "median", "sd", "q05", "q95", "positive"]


@model_asset(
    "long_term",
    "total_roi",
    deps=["registered_model"],
    description=(
        "Revenue per unit of spend, short-term and total: within the model's carryover, and with what comes by way of "
        "the brand within the YAML's horizon (`mmm_core.long_term.returns.total_roi`). Base sales, which the long term "
        "is read from, are net of short-term media, so nothing is counted twice. Empty for a model without brand "
        "metrics.\n\n"
        "Grain: one row a channel and effect (short, total)."
    ),
    kinds={"numpy", "parquet"},
    code_version=code_version(__name__, "long_term.stage", "plots.long_term"),
    io_manager_key="results",
    checks={
        SHORT: "The short-term returns that the long term is added to are those of `roi`, of the same posterior."
    },
)
def total_roi(
    context: dg.AssetExecutionContext,
    bvar_posterior,
    roi,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    with stage(context, tracking, posteriors) as run:
        if bvar_posterior is None:
            return skipped(run, "total_roi", [SHORT])
        from mmm_core.plots.long_term import returns as drawn

        table = bvar_posterior.roi()
        both = table[table["effect"].isin(EFFECTS)].reset_index(drop=True)
        totals = both[both["effect"] == "total"]
        run.run.log({f"total_roi/{row.channel}": row.median for row in totals.itertuples()})
        return read_from(
            run,
            bvar_posterior,
            long_terms.current(vintage),
            both,
            [short_of_the_model(both, roi, bvar_posterior.draws.sizes["draw"])],
            {"total_roi": lambda: drawn(table, vintage.model, bvar_posterior.attrs["returns"])},
            both[SHOWN],
        )


def short_of_the_model(both: "pd.DataFrame", roi: "pd.DataFrame", draws: int) -> dg.AssetCheckResult:
    """Whether short-term returns are those that `roi` has of all draws of the posterior, but for the draws left out.

    Args:
        both: rows of `LongTerm.roi()`. roi: the table of that asset. draws: how many the long term has.
    """
    theirs = roi[roi["metric"] == "roi"].set_index("channel")
    ours = both[both["effect"] == "short"].set_index("channel")["mean"]
    apart = (ours - theirs["mean"].reindex(ours.index)) / theirs["sd"].reindex(ours.index)
    wrong = apart.index[~(apart.abs() <= MOST_APART / draws**0.5)]
    words = ", ".join(f"{name} is {apart[name]:.2g} sd off" for name in wrong)
    return check(
        SHORT, not len(wrong), words or f"{len(apart)} channels, at most {apart.abs().max():.2f} sd off"
    )
