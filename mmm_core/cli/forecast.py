"""`mmm forecast`: the KPI of a plan's weeks, from a posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmm_core.cli.terminal import (
    Folder,
    PosteriorFile,
    busy,
    label,
    read_posterior,
    reported,
    write_json,
    write_table,
    wrote,
)
from mmm_core.cli.terminal import out as screen


@reported
def forecast(
    posterior: PosteriorFile,
    plan: Annotated[
        Path,
        typer.Option("--plan", help="weeks after the fitted ones, CSV or Parquet, columns as in the table"),
    ],
    out: Folder = None,
    seed: Annotated[int, typer.Option(min=0, help="of the level's steps and the noise")] = 0,
) -> None:
    """Forecast the KPI of the weeks of a media plan, with intervals."""
    with busy("Forecasting"):
        from mmm_core.cli import console
        from mmm_core.data.table import read_table
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.forecast.predict import predictive_draws, summary_of
        from mmm_core.posterior.handle import Posterior

        tree, rows = read_posterior(posterior), read_table(plan)
        draws, assumed = predictive_draws(tree, rows, seed)
        by_geo, total = summary_of(draws), summary_of(draws.sum("geo"))
        approximate, doubtful = str(tree.attrs["approximate"]), unconverged(tree)
    label(approximate, doubtful)
    screen.print(console.forecast(total, Posterior.of(tree).spec.kpi.column, assumed))
    if out:
        table = by_geo.to_dataframe().reset_index()
        if approximate:
            table["approximate"] = f"approximate: {approximate}"
        facts = {"model": tree.attrs["model"], "seed": seed, "assumed": assumed, "approximate": approximate}
        wrote([write_table(out / "forecast.csv", table), write_json(out / "forecast.json", facts)])
