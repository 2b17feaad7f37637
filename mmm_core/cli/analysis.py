"""Commands that question a model: backtest, prior sensitivity, LOO, placebo, prior predictive, identifiability."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.terminal import (
    Draws,
    Engine,
    Folder,
    ModelFile,
    PosteriorFile,
    TableFile,
    busy,
    label,
    read_posterior,
    reported,
    sampling,
    with_engine,
    write_json,
    write_table,
    wrote,
)
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    import pandas as pd


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (prior, backtest, sensitivity, loo, placebo, identify):
        app.command(rich_help_panel="Question a model")(command)


@reported
def prior(
    model: ModelFile,
    table: TableFile,
    out: Folder = None,
    draws: Annotated[int, typer.Option(min=100, help="draws of the priors")] = 1000,
    seed: Annotated[int | None, typer.Option(min=0, help="default the model's")] = None,
) -> None:
    """Prior predictive: what the priors alone say of ROI, contributions and the KPI; before any fit."""
    from mmm_core.spec.model_spec import load_spec

    spec = load_spec(model)
    with busy(f"Drawing from the priors of {spec.model}"):
        from mmm_core.data.table import read_table
        from mmm_core.forecast.predictive import prior_predictive, prior_table, prior_words

        tree = prior_predictive(read_table(table), spec, draws, seed, str(table))
        rows, words = prior_table(tree), prior_words(tree)
    from mmm_core.cli import console

    screen.print(console.priors(rows, words))
    if out:
        facts = {"model": spec.model, "words": words, "channels": rows.to_dict("records")}
        wrote([write_table(out / "prior.csv", rows), write_json(out / "prior.json", facts)])


@reported
def backtest(
    model: ModelFile,
    table: TableFile,
    out: Folder = None,
    origins: Annotated[int, typer.Option(min=1, help="refits, each as of a week of the past")] = 4,
    horizon: Annotated[int, typer.Option(min=1, help="weeks forecast from each")] = 13,
    step: Annotated[
        int | None, typer.Option(min=1, help="weeks between origins; default the horizon")
    ] = None,
    draws: Draws = None,
    engine: Engine = None,
) -> None:
    """Rolling-origin backtest against a seasonal-naive and a no-media forecast."""
    from mmm_core.spec.model_spec import load_spec

    spec = with_engine(load_spec(model), engine)
    with sampling(f"Backtesting {spec.model}") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.forecast.backtest import backtest as test

        found = test(read_table(table), spec, origins, horizon, step, draws, progress, str(table))
    from mmm_core.cli import console

    label(found.approximate)
    screen.print(console.backtest(found))
    if out:
        facts = {
            "model": found.model,
            "approximate": found.approximate,
            "words": found.words,
            "scores": found.table.to_dict("records"),
        }
        wrote(
            [
                write_table(out / "backtest.csv", _marked(found.table, found.approximate)),
                write_table(out / "backtest_by_horizon.csv", _marked(found.by_horizon, found.approximate)),
                write_json(out / "backtest.json", facts),
            ]
        )


@reported
def sensitivity(posterior: PosteriorFile, out: Folder = None) -> None:
    """Prior sensitivity of every channel's ROI, by power-scaling the priors and the likelihood."""
    with busy("Scaling priors and likelihood"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.diagnostics.sensitivity import sensitivity as scale

        tree = read_posterior(posterior)
        found, doubts = scale(tree), unconverged(tree)
    from mmm_core.cli import console

    label(found.approximate, doubts)
    screen.print(console.sensitivity(found))
    if out:
        facts = {
            "model": found.model,
            "approximate": found.approximate,
            "diagnosis": found.diagnosis,
            "table": found.table.to_dict("records"),
        }
        wrote(
            [
                write_table(out / "sensitivity.csv", _marked(found.table, found.approximate)),
                write_json(out / "sensitivity.json", facts),
            ]
        )


@reported
def loo(
    posterior: PosteriorFile,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="another posterior to compare with; may be repeated"),
    ] = None,
    out: Folder = None,
) -> None:
    """Leave-one-out predictive density, and which of several models predicts better."""
    with busy("Leaving every week out"):
        from mmm_core.diagnostics.loo import compare
        from mmm_core.diagnostics.loo import loo as estimate

        paths = [posterior, *(against or [])]
        trees = [read_posterior(path) for path in paths]
        names = [str(tree.attrs["model"]) for tree in trees]
        if len(set(names)) < len(names):  # two fits of one model are told apart by their files
            short = [path.name for path in paths]
            names = short if len(set(short)) == len(short) else [str(path) for path in paths]
        found = dict(zip(names, map(estimate, trees), strict=True))
        table = compare(found) if against else None
    from mmm_core.cli import console

    for name, estimated in found.items():
        screen.print(console.loo(name, estimated), soft_wrap=True)
    if table is not None:
        screen.print(console.comparison(table))
    if out:
        first = found[names[0]]
        facts: dict[str, Any] = {
            "models": {
                name: {
                    "elpd": model.elpd,
                    "se": model.se,
                    "p_loo": model.p_loo,
                    "unreliable": model.unreliable,
                    "approximate": model.approximate,
                    "message": model.message,
                }
                for name, model in found.items()
            },
            "comparison": [] if table is None else table.to_dict("records"),
        }
        weeks = _marked(first.weeks.to_dataframe().reset_index(), first.approximate)
        wrote([write_table(out / "loo.csv", weeks), write_json(out / "loo.json", facts)])


@reported
def placebo(
    model: ModelFile,
    table: TableFile,
    out: Folder = None,
    seed: Annotated[int, typer.Option(min=0, help="of the shuffle")] = 1,
    like: Annotated[
        str | None, typer.Option(help="channel whose media are shuffled; default the one that spent most")
    ] = None,
    draws: Draws = None,
    engine: Engine = None,
) -> None:
    """Fit with a channel of noise added: a model that credits it would credit anything."""
    from mmm_core.spec.model_spec import load_spec

    spec = with_engine(load_spec(model), engine)
    with sampling(f"Fitting {spec.model} with a placebo") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.diagnostics.placebo import placebo as test

        found = test(read_table(table), spec, seed, like, draws, progress, str(table))
    label(found.approximate)
    screen.print(
        ("[yellow]credited[/]  " if found.credited else "[green]not credited[/]  ") + found.words,
        soft_wrap=True,
    )
    if out:
        facts = {name: getattr(found, name) for name in (*found.__dataclass_fields__, "credited", "words")}
        wrote([write_json(out / "placebo.json", facts)])


@reported
def identify(posterior: PosteriorFile, out: Folder = None) -> None:
    """What the data could tell of each channel, a sentence each."""
    with busy("Reading the posterior"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.diagnostics.identifiability import identification_table
        from mmm_core.diagnostics.identifiability import identify as examine

        tree = read_posterior(posterior)
        found, doubts = examine(tree), unconverged(tree)
        table = identification_table(found)
    from mmm_core.cli import console

    label(str(tree.attrs["approximate"]), doubts)
    screen.print(console.identification(found))
    if out:
        wrote([write_table(out / "identifiability.csv", _marked(table, str(tree.attrs["approximate"])))])


def _marked(table: pd.DataFrame, approximate: str) -> pd.DataFrame:
    """The table with a last column that says what is approximate about its figures, where anything is."""
    return table.assign(approximate=f"approximate: {approximate}") if approximate else table
