"""`contributions`: what each channel and each part of the baseline brought, week by week."""

import dagster as dg

from assets.code import code_version
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage


@model_asset(
    "curves",
    "contributions",
    deps=["registered_model"],
    description=(
        "Revenue, or units of a KPI that has none, that each media channel and each part of the baseline brought, with "
        "its 90 % interval (`mmm_core.effects.contributions.contributions`).\n\nGrain: one row a week and component."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "effects.contributions"),
    io_manager_key="results",
    checks={
        "adds_up_to_the_prediction": "The components' means add up to the predicted revenue of every week."
    },
)
def contributions(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    import numpy as np
    import pandas as pd

    from mmm_core.data.weeks import first_days
    from mmm_core.effects.contributions import contributions
    from mmm_core.plots import plots
    from mmm_core.posterior.handle import Posterior

    with stage(context, tracking, posteriors) as run:
        parts = contributions(mmm_posterior)
        table = (
            parts[["mean", "q05", "q95"]].to_dataframe().reset_index().rename(columns={"week": "week_start"})
        )
        spec = Posterior.of(mmm_posterior).spec
        table["first_day"] = first_days(pd.DatetimeIndex(table["week_start"]), spec)
        table = run.labelled(table[["week_start", "first_day", "component", "mean", "q05", "q95"]])
        off = float(np.abs(parts["mean"].sum("component") / parts["predicted"] - 1).max())
        return run.result(
            table,
            [
                check(
                    "adds_up_to_the_prediction",
                    off < 1e-4,
                    f"largest difference {off:.1e} of a week's revenue",
                )
            ],
            {
                "contributions": lambda: plots.contributions(parts),
                "baseline": lambda: plots.baseline(mmm_posterior),
            },
        )
