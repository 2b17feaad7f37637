"""`response_curves`: revenue of each channel at other levels of spend."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from assets.code import code_version
from assets.models import load_model
from assets.registry.answers import PREDICTORS, evidence_of, register_answer, save_curves
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage


@model_asset(
    "curves",
    "response_curves",
    deps=["registered_model"],
    description=(
        "Incremental revenue of each paid channel at 0 to 2 times the spend of the last comparable period "
        "(`mmm_core.effects.curves.response_curves`), also as the MLflow model "
        "`mmm_<model>_curves`. Weeks, what comes after them, prices and discount are those of the YAML's `budget` as "
        "it is now, as in `budget_allocation`.\n\nGrain: one row a channel and multiplier."
    ),
    kinds={"jax", "parquet"},
    code_version=code_version(__name__, "effects.curves", files=[PREDICTORS["curves"]]),
    io_manager_key="results",
    checks={"never_falls": "More spend of a channel never brings less revenue, and none brings none."},
)
def response_curves(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.effects.curves import response_draws, response_table
    from mmm_core.plots import plots

    with stage(context, tracking, posteriors) as run, TemporaryDirectory() as folder:
        budget = load_model(run.vintage.model).budget
        found = response_draws(mmm_posterior, budget=budget)
        table = response_table(found, mmm_posterior).sort_values(["channel", "multiplier"], ignore_index=True)
        steps = table.groupby("channel")["mean"].diff().dropna()
        slack = 1e-9 * table["mean"].abs().max()
        at_zero = table.loc[table["multiplier"] == 0, "mean"].abs()
        sound = (steps >= -slack).all() and (at_zero <= slack).all()
        draws = save_curves(found, Path(folder) / "draws.npz")
        version = register_answer(
            "curves", table, run, tracking, {"draws": draws}, evidence_of(mmm_posterior)
        )
        return run.result(
            run.labelled(table),
            [
                check(
                    "never_falls", sound, f"smallest step {steps.min():.3g}, at no spend {at_zero.max():.3g}"
                )
            ],
            {"response_curves": lambda: plots.response_curves(table)},
            metadata={"curves_version": version},
        )
