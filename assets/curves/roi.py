"""`roi`: return, marginal return and contribution of each paid channel."""

import dagster as dg

from assets.code import code_version
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage


@model_asset(
    "curves",
    "roi",
    deps=["registered_model"],
    description=(
        "ROI, marginal ROI, contribution and spend of each channel over the model's window, with 90 % intervals "
        "(`mmm_core.effects.roi.roi_table`).\n\nGrain: one row a channel and metric."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "effects.roi"),
    io_manager_key="results",
    checks={
        "is_finite_and_ordered": (
            "Every figure is finite, but for costs per unit of channels that may bring nothing, and every interval "
            "holds its median."
        )
    },
)
def roi(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    import numpy as np

    from mmm_core.effects.roi import roi_table
    from mmm_core.plots import plots
    from mmm_core.plural import plural

    with stage(context, tracking, posteriors) as run:
        table = roi_table(mmm_posterior)
        figures = table[["mean", "median", "sd", "q05", "q95"]]
        ordered = (table["q05"] <= table["median"]) & (table["median"] <= table["q95"])
        sound = np.isfinite(figures).all(axis=1) & ordered
        # a draw in which a channel brings nothing has no cost per unit, and then no mean of it exists; nor does a share
        # of an outcome that does not add up
        sound |= table["metric"].isin(["cpik", "contribution_share"]) & ~np.isfinite(figures).all(axis=1)
        run.run.log(
            {
                f"{row.metric}/{row.channel}": row.mean
                for row in table.itertuples()
                if row.metric in ("roi", "mroi")
            }
        )
        return run.result(
            run.labelled(table),
            [
                check(
                    "is_finite_and_ordered",
                    sound.all(),
                    f"{int((~sound).sum())} of {plural(len(table), 'row')} are not",
                )
            ],
            {"roi": lambda: plots.roi(mmm_posterior)},
            shown=table[table["metric"].isin(["roi", "mroi", "cpik"])],
            metadata={"returns": table.attrs["returns"], "approximate": table.attrs["approximate"]},
        )
