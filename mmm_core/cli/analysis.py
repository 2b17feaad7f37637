"""Commands that question a model: backtest, prior sensitivity, LOO, placebo, prior predictive, identifiability."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm_core.cli.contents import keep, posterior_origin, refuse_another, table_origin
from mmm_core.cli.terminal import (
    Draws,
    Engine,
    Folder,
    ModelFile,
    PosteriorFile,
    TableFile,
    busy,
    label,
    marked,
    read_posterior,
    reported,
    sampling,
    with_engine,
)
from mmm_core.cli.terminal import out as screen

LOO = ("elpd", "se", "p_loo", "unreliable", "approximate", "message")
"""Figures of one model's leave-one-out estimate."""


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
    refuse_another(out, spec.model)
    with busy(f"Drawing from the priors of {spec.model}"):
        from mmm_core.data.table import read_table
        from mmm_core.forecast.predictive import prior_predictive, prior_table, prior_words

        weekly = read_table(table)
        origin = table_origin(spec, weekly, str(table))
        tree = prior_predictive(weekly, spec, draws, seed, str(table))
        rows, words = prior_table(tree), prior_words(tree)
    from mmm_core.cli import console

    screen.print(console.priors(rows, words))
    facts = {"model": spec.model, "words": words, "channels": rows.to_dict("records")}
    keep(out, {"prior.csv": rows, "prior.json": facts}, origin)


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
    """Rolling-origin backtest against seasonal-naive, last value and a baseline without media."""
    from mmm_core.spec.model_spec import load_spec

    spec = with_engine(load_spec(model), engine)
    refuse_another(out, spec.model)
    with sampling(f"Backtesting {spec.model}") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.forecast.backtest import backtest as test

        rows = read_table(table)
        origin = table_origin(spec, rows, str(table))
        found = test(rows, spec, origins, horizon, step, draws, progress, str(table))
    from mmm_core.cli import console

    label(found.approximate)
    screen.print(console.backtest(found))
    facts = {"model": found.model, "approximate": found.approximate, "words": found.words}
    facts["week_marks"] = spec.time.marks
    keep(
        out,
        {
            "backtest.csv": marked(found.table, found.approximate),
            "backtest_by_horizon.csv": marked(found.by_horizon, found.approximate),
            "backtest.json": {
                **facts,
                "far_outside": found.outside,
                "scores": found.table.to_dict("records"),
            },
        },
        origin,
    )


@reported
def sensitivity(posterior: PosteriorFile, out: Folder = None) -> None:
    """Prior sensitivity of every channel's ROI, by power-scaling the priors and the likelihood."""
    with busy("Scaling priors and likelihood"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.diagnostics.sensitivity import sensitivity as scale

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        found, doubts = scale(read), unconverged(read)
    from mmm_core.cli import console

    label(found.approximate, doubts)
    screen.print(console.sensitivity(found))
    facts = {"model": found.model, "approximate": found.approximate, "diagnosis": found.diagnosis}
    keep(
        out,
        {
            "sensitivity.csv": marked(found.table, found.approximate),
            "sensitivity.json": {**facts, "table": found.table.to_dict("records")},
        },
        posterior_origin(read),
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
        from mmm_core.data.weeks import with_first_day
        from mmm_core.diagnostics.loo import compare_loo
        from mmm_core.diagnostics.loo import loo as estimate

        paths = [posterior, *(against or [])]
        _refuse_twice(paths)
        compared = [read_posterior(path) for path in paths]
        refuse_another(out, compared[0].model)
        names = [read.model for read in compared]
        if len(set(names)) < len(names):  # two fits of one model are told apart by their files
            short = [path.name for path in paths]
            names = short if len(set(short)) == len(short) else [str(path) for path in paths]
        found = dict(zip(names, map(estimate, compared), strict=True))
        table = compare_loo(found) if against else None
    from mmm_core.cli import console

    for name, estimated in found.items():
        screen.print(console.loo(name, estimated), soft_wrap=True)
    if table is not None:
        screen.print(console.comparison(table))
    first = found[names[0]]
    facts: dict[str, Any] = {
        "models": {name: {figure: getattr(model, figure) for figure in LOO} for name, model in found.items()},
        "comparison": [] if table is None else table.to_dict("records"),
    }
    weeks = with_first_day(first.weeks.to_dataframe().reset_index(), compared[0].spec)
    keep(out, {"loo.csv": marked(weeks, first.approximate), "loo.json": facts}, posterior_origin(compared[0]))


def _refuse_twice(paths: list[Path]) -> None:
    """Refuse a posterior compared with itself, whatever its names."""
    from mmm_core.errors import InputError

    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            names = (
                f"{path} is given twice"
                if str(first) == str(path)
                else f"{path} and {first} are the same file"
            )
            raise InputError(f"{names}: name another posterior with --against")


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
    refuse_another(out, spec.model)
    with sampling(f"Fitting {spec.model} with a placebo") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.diagnostics.placebo import placebo as test

        rows = read_table(table)
        origin = table_origin(spec, rows, str(table))
        found = test(rows, spec, seed, like, draws, progress, str(table))
    label(found.approximate)
    screen.print(
        ("[yellow]credited[/]  " if found.credited else "[green]not credited[/]  ") + found.words,
        soft_wrap=True,
    )
    facts = {name: getattr(found, name) for name in (*found.__dataclass_fields__, "credited", "words")}
    keep(out, {"placebo.json": facts}, origin)


@reported
def identify(posterior: PosteriorFile, out: Folder = None) -> None:
    """What the data could tell of each channel, a sentence each."""
    with busy("Reading the posterior"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.diagnostics.identifiability import identification_table
        from mmm_core.diagnostics.identifiability import identify as examine

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        found, doubts = examine(read), unconverged(read)
        table = identification_table(found)
    from mmm_core.cli import console

    label(read.approximate, doubts)
    screen.print(console.identification(found))
    keep(out, {"identifiability.csv": marked(table, read.approximate)}, posterior_origin(read))
