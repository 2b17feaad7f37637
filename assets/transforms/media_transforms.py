"""`media_transforms`: media carried over and saturated, at the posterior."""

import dagster as dg

from assets.code import code_version
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage


@model_asset(
    "transforms",
    "media_transforms",
    deps=["registered_model"],
    description=(
        "Exposure of each channel, what it becomes once it carries over, and once it saturates, at the posterior mean "
        "(`mmm_core.effects.media_transforms.media_transforms`).\n\nGrain: one row a week, geo and channel."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "effects.media_transforms"),
    io_manager_key="results",
    checks={"is_finite_and_not_negative": "Adstocked and saturated media are finite and not negative."},
)
def media_transforms(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    import numpy as np

    from mmm_core.effects.media_transforms import media_transforms
    from mmm_core.plots import plots
    from mmm_core.plural import plural
    from mmm_core.posterior.handle import Posterior

    with stage(context, tracking, posteriors) as run:
        table = media_transforms(mmm_posterior)
        values = table[["adstocked", "saturated"]].to_numpy()
        wrong = int((~np.isfinite(values) | (values < 0)).any(axis=1).sum())
        summary = (
            table.groupby("channel", sort=False)[["exposure", "adstocked", "saturated"]].mean().reset_index()
        )
        figures = {
            "decay": lambda: plots.decay(mmm_posterior),
            "saturation": lambda: plots.saturation(mmm_posterior),
        }
        if any(channel.time_varying for channel in Posterior.of(mmm_posterior).spec.channel_specs):
            figures["multiplier"] = lambda: plots.multiplier(mmm_posterior)
        return run.result(
            run.labelled(table),
            [
                check(
                    "is_finite_and_not_negative",
                    wrong == 0,
                    f"{wrong} of {plural(len(table), 'row')} are not",
                )
            ],
            figures,
            shown=summary,
        )
