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
ADD_UP = "short_and_long_add_up"
SHOWN = ["channel", "effect", "horizon_weeks", "mean", "sd", "q05", "q95", "positive"]


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
    checks={ADD_UP: "The mean total of every channel is the sum of its mean short and long-term returns."},
)
def total_roi(
    context: dg.AssetExecutionContext,
    bvar_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    with stage(context, tracking, posteriors) as run:
        if bvar_posterior is None:
            return skipped(run, "total_roi", [ADD_UP])
        from mmm_core.plots.long_term import returns as drawn

        table = bvar_posterior.roi()
        both = table[table["effect"].isin(EFFECTS)].reset_index(drop=True)
        totals = both[both["effect"] == "total"]
        run.run.log({f"total_roi/{row.channel}": row.mean for row in totals.itertuples()})
        return read_from(
            run,
            bvar_posterior,
            long_terms.current(vintage),
            both,
            [_add_up(table)],
            {"total_roi": drawn(table, vintage.model, bvar_posterior.attrs["returns"])},
            both[SHOWN],
        )


def _add_up(table: "pd.DataFrame") -> dg.AssetCheckResult:
    import numpy as np

    means = table[table["path"] == "all"].pivot(index="channel", columns="effect", values="mean")
    apart = means["total"] - means["short"] - means["long"]
    wrong = means.index[~np.isclose(apart, 0, atol=1e-6)]
    words = ", ".join(f"{name} is {apart[name]:.4g} off" for name in wrong) or f"{len(means)} channels"
    return check(ADD_UP, not len(wrong), words)
