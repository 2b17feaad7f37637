"""The `mmm` command: files in, files out, no orchestrator.

Heavy imports sit inside the commands, so that help and a mistyped option answer at once. A refused input ends with one
message and exit code 2; a review with a failed ERROR check ends with exit code 1.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli import analysis as cli_analysis
from mmm_core.cli import reconcile as cli_reconcile
from mmm_core.cli.asked import LongTermFile, currency_in_words, long_term_as_asked, spec_as_asked
from mmm_core.cli.bvar import bvar
from mmm_core.cli.calibration import calibration
from mmm_core.cli.comparison import compare
from mmm_core.cli.contents import keep, posterior_origin, record, refuse_another
from mmm_core.cli.evidence import calibrating
from mmm_core.cli.evidence import evidence as evidence_command
from mmm_core.cli.evidence import lift_tests as lift_tests_command
from mmm_core.cli.experiments import experiments
from mmm_core.cli.forecast import forecast
from mmm_core.cli.inspection import inspect
from mmm_core.cli.lift import lift
from mmm_core.cli.readiness import readiness
from mmm_core.cli.report import report
from mmm_core.cli.scenario import scenario
from mmm_core.cli.select import select
from mmm_core.cli.terminal import (
    Engine,
    Folder,
    ModelFile,
    PosteriorFile,
    TableFile,
    a_folder,
    busy,
    escape,
    label,
    no_folder,
    print_or_write,
    read_posterior,
    read_tree,
    reported,
    sampling,
    starts,
    with_engine,
    write_figure,
    write_json,
    write_table,
    wrote,
)
from mmm_core.cli.terminal import out as screen
from mmm_core.json_text import dumps
from mmm_core.plural import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

app = typer.Typer(
    name="mmm",
    help="Marketing mix modelling: fit, review, backtest, read curves, allocate budgets. Files in, files out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class WeekMarks(StrEnum):
    """What a date of a weekly table marks, as in `time: {marks: ...}` of a specification."""

    start = "start"
    end = "end"


@app.command()
@reported
def simulate(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            callback=a_folder,
            help="folder: landing/ gets raw exports, weekly/ a table and brand/ a survey a market, truth/ what made "
            "them",
        ),
    ],
    seed: Annotated[int, typer.Option(help="same seed and end, same files")] = 7,
    end: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="data end with the last complete week before it"),
    ] = None,
    marks: Annotated[
        WeekMarks, typer.Option(help="which day of its week a date of the weekly tables is")
    ] = WeekMarks.start,
) -> None:
    """Write a sample world with a known truth, shaped like the exports of real tools."""
    with busy("Simulating two markets"):
        from mmm_core.simulate import dated_by, simulate_world, survey_table, write_landing, write_truth

        world = simulate_world(seed=seed, end=end.date() if end else None)
        files = write_landing(world, out / "landing")
        write_truth(world, out / "truth")
        tables = [
            write_table(
                out / "weekly" / f"{market.name}.csv",
                dated_by(marks.value, market.table.assign(market=market.name)),
            )
            for market in world.markets
        ]
        tables += [
            write_table(out / "brand" / f"{market.name}.csv", survey_table(market))
            for market in world.markets
        ]
    screen.print(
        f"{plural(len(files), 'raw file')} in {out / 'landing'}; what made them in {out / 'truth'}",
        markup=False,
    )
    wrote(tables)


@app.command()
@reported
def fit(
    model: ModelFile,
    table: TableFile,
    out: Annotated[
        Path, typer.Option("--out", callback=a_folder, help="folder for posterior.nc and summary.json")
    ],
    engine: Engine = None,
    plots: Annotated[
        bool, typer.Option("--plots", help="draw fit, contributions and ROI as PNG too")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            callback=no_folder,
            help="file the sampler's state is kept in; a fit cut short goes on from it",
        ),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option("--warm-start", help="an earlier posterior.nc: a shorter warm-up, the same answer"),
    ] = None,
    lift_tests: Annotated[
        Path | None,
        typer.Option(
            "--lift-tests", help="CSV or YAML list of lift tests; approved ones calibrate the model"
        ),
    ] = None,
) -> None:
    """Fit a model on a weekly table."""
    from mmm_core.spec.model_spec import load_spec

    spec = with_engine(load_spec(model), engine)
    refuse_another(out, spec.model)
    evidence, lines = calibrating(spec, model.parent, table, lift_tests)
    for line in lines:
        screen.print(line, soft_wrap=True)
    with sampling(f"Fitting {spec.model}") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.inference.fit import fit_and_save
        from mmm_core.posterior.handle import Posterior
        from mmm_core.posterior.schema import load_posterior

        earlier = load_posterior(warm_start) if warm_start else None
        tree = fit_and_save(
            read_table(table),
            spec,
            out / "posterior.nc",
            progress,
            checkpoint,
            source=str(table),
            warm_start=earlier,
            lift_tests=evidence,
        )
    with busy("Summarising"):
        from mmm_core.diagnostics.convergence import faults
        from mmm_core.diagnostics.summary import summary

        facts = summary(tree)
        figures = (
            facts["rhat_max"],
            facts["ess_bulk_min"],
            facts["divergences"] / facts["chains"] / facts["draws"],
        )
        facts["not_converged"] = "" if facts["approximate"] else faults(*figures, spec.review)
        written = [out / "posterior.nc", write_json(out / "summary.json", facts)]
        if plots:
            pictures = ("fit", "contributions", "roi")
            written += [write_figure(out / f"{name}.png", _drawn(name, tree)) for name in pictures]
    from mmm_core.cli import console

    label(facts["approximate"], facts["not_converged"])
    screen.print(console.sampling(facts), console.returns(facts))
    wrote(written)
    record(out, posterior_origin(Posterior.of(tree)), written)


@app.command()
@reported
def curves(
    posterior: PosteriorFile,
    out: Folder = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, help="horizon; default the model's `budget: weeks`")
    ] = None,
) -> None:
    """Response curves: what multiples of each channel's last spend would bring."""
    with busy("Working out response curves"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.effects.curves import response_curves

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        table, doubts = response_curves(read, weeks=weeks), unconverged(read)
    from mmm_core.cli import console

    label(read.approximate, doubts)
    screen.print(console.curves(table))
    keep(
        out,
        {"response_curves.csv": table, "response_curves.png": partial(_drawn, "response_curves", table)},
        posterior_origin(read),
    )


@app.command()
@reported
def allocate(
    posterior: PosteriorFile,
    out: Folder = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="a YAML whose `budget:` is used instead")
    ] = None,
    total: Annotated[float | None, typer.Option(help="budget of the period; default the model's")] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, help="length of the period; default the model's")
    ] = None,
    long_term: LongTermFile = None,
) -> None:
    """Allocate the next period's budget for the most expected revenue, with a certificate."""
    with starts("Allocating the budget") as progress:
        from mmm_core.budget.allocation import allocate as solve
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.errors import InputError
        from mmm_core.spec.budget_spec import MOST_MONEY

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        if total is not None and not 0 < total <= MOST_MONEY:
            raise InputError(f"--total must be a number above 0 and of at most {MOST_MONEY:g}, got {total:g}")
        changes = {"total": total, "weeks": weeks}
        asked = spec.budget.model_copy(update={k: v for k, v in changes.items() if v is not None})
        long = long_term_as_asked(long_term, asked)
        allocation, doubts = solve(read, asked, progress, long), unconverged(read)
    from mmm_core.cli import console

    label(read.approximate, doubts)
    screen.print(console.allocation(allocation))
    if words := currency_in_words(spec.model_copy(update={"budget": asked})):
        screen.print(f"[dim]{escape(words)}[/]", soft_wrap=True)
    figures = [
        name
        for name in allocation.__dataclass_fields__
        if name not in ("channels", "cells")
        and (name not in ("words", "stopped_early") or getattr(allocation, name))
    ]
    facts = {name: getattr(allocation, name) for name in figures}
    facts |= {"channels": allocation.channels.to_dict("records"), "not_converged": doubts}
    facts["data_until"] = str(read.data["week"].to_numpy()[-1].astype("datetime64[D]"))
    keep(
        out,
        {
            "budget_allocation.csv": allocation.channels,
            "budget_allocation.json": facts,
            "budget_allocation.png": partial(_drawn, "budget", allocation),
            **({} if allocation.cells is None else {"budget_cells.csv": allocation.cells}),
        },
        posterior_origin(read),
    )


@app.command()
@reported
def review(
    posterior: PosteriorFile,
    out: Folder = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="the weekly table, to refit without the last weeks")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--previous", help="an earlier posterior to compare with")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="a YAML whose `review:` is used instead")
    ] = None,
    holdout: Annotated[bool, typer.Option(help="refit without the last weeks and score the forecast")] = True,
) -> None:
    """Put every check to a posterior; exit code 1 when an ERROR check fails."""
    with sampling("Reviewing") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.posterior.handle import Posterior
        from mmm_core.posterior.schema import load_posterior
        from mmm_core.review import review as examine

        tree = read_tree(posterior, refits=holdout and table is not None)
        read = Posterior.of(tree)
        refuse_another(out, read.model)
        thresholds = spec_as_asked(model, read).review
        if not holdout:
            thresholds = thresholds.model_copy(update={"holdout_weeks": 0})
        found = examine(
            tree,
            thresholds,
            table=read_table(table) if table else None,
            previous=load_posterior(previous) if previous else None,
            progress=progress,
            name=str(posterior),
            source=str(table),
        )
    from mmm_core.cli import console

    screen.print(console.verdicts(found))
    facts = {"model": read.model, "checks": [result.__dict__ for result in found]}
    keep(out, {"review.json": facts}, posterior_origin(read))
    if any(not result.passed and result.severity == "ERROR" for result in found):
        raise typer.Exit(1)


@app.command()
@reported
def schema(
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=no_folder, help="file to write; default standard output"),
    ] = None,
) -> None:
    """JSON Schema of a model's YAML, for editors."""
    from mmm_core.spec.model_spec import json_schema

    print_or_write(dumps(json_schema(), indent=2) + "\n", out)


@app.command()
@reported
def engine(
    name: Annotated[str, typer.Argument(help="meridian", show_default=False)],
) -> None:
    """Set up an engine that runs in an environment of its own (meridian); does nothing where it is."""
    from mmm_core.errors import InputError
    from mmm_core.inference.engines.meridian.environment import set_up

    if name != "meridian":
        raise InputError(f"{name}: no engine with an environment of its own; there is one: meridian")
    set_up(lambda words: screen.print(words, markup=False, soft_wrap=True))


def _drawn(picture: str, subject: Any) -> Figure:
    """A picture of `mmm_core.plots`, which is imported when one is drawn."""
    from mmm_core.plots import plots

    figure: Figure = getattr(plots, picture)(subject)
    return figure


app.command()(inspect)
app.command()(forecast)
app.command()(readiness)
app.command()(scenario)
app.command()(experiments)
app.command()(lift)
app.command()(report)
app.command()(bvar)
app.command("evidence", rich_help_panel="Question a model")(evidence_command)
app.command(rich_help_panel="Question a model")(calibration)
app.command("lift-tests", rich_help_panel="Question a model")(lift_tests_command)
app.command(rich_help_panel="Question a model")(select)
cli_analysis.register(app)
cli_reconcile.register(app)
app.command(rich_help_panel="Question a model")(compare)


if __name__ == "__main__":
    app()
