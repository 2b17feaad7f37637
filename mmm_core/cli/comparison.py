"""`mmm compare`: several engines on one specification and table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mmm_core.cli.contents import keep, refuse_another, table_origin
from mmm_core.cli.terminal import Draws, Folder, ModelFile, TableFile, reported, sampling
from mmm_core.cli.terminal import out as screen
from mmm_core.json_text import dumps


@reported
def compare(
    model: ModelFile,
    table: TableFile,
    engines: Annotated[
        list[str] | None,
        typer.Option("--engines", help="engines, apart by blanks; default numpyro pymc meridian ridge"),
    ] = None,
    further: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")] = None,
    out: Folder = None,
    holdout: Annotated[
        bool,
        typer.Option("--holdout/--no-holdout", help="fit again without the last weeks and forecast them"),
    ] = True,
    weeks: Annotated[int, typer.Option(min=1, help="last weeks that are forecast")] = 13,
    draws: Draws = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON in place of the tables")] = False,
) -> None:
    """Several engines on one model: returns, fit, forecasts and seconds, and where they disagree."""
    from mmm_core.spec.model_spec import load_spec

    spec = load_spec(model)
    refuse_another(out, spec.model)
    names = [*(engines or []), *(further or [])]  # what follows the option's first value comes as arguments
    with sampling(f"Comparing engines on {spec.model}") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.diagnostics.engine_comparison import ENGINES
        from mmm_core.diagnostics.engine_comparison import compare as fit_all

        rows = read_table(table)
        origin = table_origin(spec, rows, str(table))
        found = fit_all(rows, spec, names or ENGINES, weeks if holdout else 0, draws, progress, str(table))
    facts = {
        "model": found.model,
        "returns_in": found.returns_in,
        "holdout_weeks": found.holdout_weeks,
        "engines": found.table.to_dict("records"),
        "returns": found.returns.to_dict("records"),
        "simple_forecasts": found.simple,
        "disagreements": found.disagreements,
        "words": found.words,
    }
    if json:
        typer.echo(dumps(facts, indent=2))
    else:
        from mmm_core.cli import console

        screen.print(console.engines(found))

    def picture() -> Any:
        from mmm_core.plots.engines import engine_comparison

        return engine_comparison(found)

    files = {
        "engines.csv": found.table,
        "engine_returns.csv": found.returns,
        "engines.json": facts,
        "engines.png": picture,
    }
    if not json:
        keep(out, files, origin)
    elif out is not None:
        from contextlib import redirect_stdout
        from sys import stderr

        with redirect_stdout(stderr):
            keep(out, files, origin)
