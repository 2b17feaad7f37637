"""`mmm forecast`: the KPI of a plan's weeks, from a posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.terminal import (
    Folder,
    PosteriorFile,
    busy,
    label,
    marked,
    read_posterior,
    reported,
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
        from mmm_core.data.weeks import with_first_day
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.forecast.predict import forecast_of, predictive_draws, summary_of

        read, rows = read_posterior(posterior), read_table(plan)
        refuse_another(out, read.model)
        draws, assumed = predictive_draws(read, rows, seed, source=f"plan {plan}")
        by_geo, total = forecast_of(read, draws, assumed), summary_of(draws.sum("geo"))
        doubts = unconverged(read)
    label(read.approximate, doubts)
    screen.print(console.forecast(total, read.spec, assumed, by_geo.attrs["outside"]))
    facts = {"model": read.model, "seed": seed, "assumed": assumed, "approximate": read.approximate}
    facts |= {"far_outside": by_geo.attrs["outside"], "week_marks": read.spec.time.marks}
    table = marked(with_first_day(by_geo.to_dataframe().reset_index(), read.spec), read.approximate)
    keep(out, {"forecast.csv": table, "forecast.json": facts}, posterior_origin(read))
