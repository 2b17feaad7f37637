"""The `mmm` command: files in, files out, no orchestrator.

Heavy imports sit inside the commands, so that help and a mistyped option answer at once. A refused input ends with one
message and exit code 2; a review with a failed ERROR check ends with exit code 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from mmm_core.sampling import Progress

app = typer.Typer(
    name="mmm",
    help="Marketing mix modelling: simulate, fit, read curves, allocate budgets, review. Files in, files out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Results go to standard output, progress and errors to standard error.
_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)

Posterior = Annotated[Path, typer.Option("--posterior", help="a posterior.nc that `mmm fit` wrote")]
Out = Annotated[
    Path | None, typer.Option("--out", help="folder for the files; nothing is written without it")
]


def _reported(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose refused input is one clear message and exit code 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from mmm_core.errors import InputError

        try:
            command(*args, **kwargs)
        except (InputError, OSError) as error:
            _err.print(f"[bold red]Error:[/] [red]{_escape(str(error))}[/]", soft_wrap=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _err.print("stopped; nothing half-written is left behind")
            raise typer.Exit(130) from None

    return run


@app.command()
@_reported
def simulate(
    out: Annotated[
        Path, typer.Option("--out", help="folder: landing/ gets the raw exports, truth/ what made them")
    ],
    seed: Annotated[int, typer.Option(help="same seed and end, same files")] = 7,
    end: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="data end with the last complete week before it"),
    ] = None,
) -> None:
    """Write a sample world with a known truth, shaped like the exports of real tools."""
    with _busy("Simulating two markets"):
        from mmm_core.simulate import simulate_world, write_landing, write_truth

        world = simulate_world(seed=seed, end=end.date() if end else None)
        files = write_landing(world, out / "landing")
        write_truth(world, out / "truth")
    _out.print(f"{len(files)} raw files in {out / 'landing'}; what made them in {out / 'truth'}")


@app.command()
@_reported
def fit(
    model: Annotated[Path, typer.Option("--model", help="the model's YAML; see docs/model-spec.md")],
    table: Annotated[Path, typer.Option("--table", help="weekly table, CSV or Parquet")],
    out: Annotated[Path, typer.Option("--out", help="folder for posterior.nc and summary.json")],
    plots: Annotated[
        bool, typer.Option("--plots", help="draw fit, contributions and ROI as PNG too")
    ] = False,
) -> None:
    """Fit a model on a weekly table."""
    from mmm_core.spec import load_spec

    spec = load_spec(model)
    with _sampling(f"Fitting {spec.model}") as progress:
        from mmm_core.fit import fit as fit_model
        from mmm_core.posterior import save_posterior
        from mmm_core.table import read_table

        tree = fit_model(read_table(table), spec, progress, source=str(table))
        save_posterior(tree, out / "posterior.nc")
    with _busy("Summarising"):
        from mmm_core.summary import summary

        facts = summary(tree)
        written = [out / "posterior.nc", _write_json(out / "summary.json", facts)]
        if plots:
            from mmm_core import plots as draw

            for name, figure in (
                ("fit", draw.fit(tree)),
                ("contributions", draw.contributions(tree)),
                ("roi", draw.roi(tree)),
            ):
                written.append(_write_figure(out / f"{name}.png", figure))
    from mmm_core import console

    _out.print(console.sampling(facts), console.returns(facts))
    _wrote(written)


@app.command()
@_reported
def curves(
    posterior: Posterior,
    out: Out = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, help="horizon; default the model's `budget: weeks`")
    ] = None,
) -> None:
    """Response curves: what multiples of each channel's last spend would bring."""
    with _busy("Working out response curves"):
        from mmm_core.curves import response_curves
        from mmm_core.posterior import load_posterior
        from mmm_core.runtime import configure

        configure(chains=1)  # programs compiled before are found again
        table = response_curves(load_posterior(posterior), weeks=weeks)
    from mmm_core import console

    _out.print(console.curves(table))
    if out:
        from mmm_core import plots

        _wrote(
            [
                _write_table(out / "response_curves.csv", table),
                _write_figure(out / "response_curves.png", plots.response_curves(table)),
            ]
        )


@app.command()
@_reported
def allocate(
    posterior: Posterior,
    out: Out = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="a YAML whose `budget:` is used instead")
    ] = None,
    total: Annotated[float | None, typer.Option(help="budget of the period; default the model's")] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, help="length of the period; default the model's")
    ] = None,
) -> None:
    """Allocate the next period's budget for the most expected revenue, with a certificate."""
    with _starts("Allocating the budget") as progress:
        from mmm_core.allocation import allocate as solve
        from mmm_core.errors import InputError
        from mmm_core.posterior import load_posterior, spec_of
        from mmm_core.runtime import configure
        from mmm_core.spec import load_spec

        configure(chains=1)  # programs compiled before are found again
        tree = load_posterior(posterior)
        budget = (load_spec(model) if model else spec_of(tree)).budget
        if total is not None and total <= 0:
            raise InputError(f"--total must be above 0, got {total:g}")
        changes = {"total": total, "weeks": weeks}
        plan = solve(
            tree, budget.model_copy(update={k: v for k, v in changes.items() if v is not None}), progress
        )
    from mmm_core import console

    _out.print(console.allocation(plan))
    if out:
        from mmm_core import plots

        facts = {name: getattr(plan, name) for name in plan.__dataclass_fields__ if name != "channels"}
        facts["channels"] = plan.channels.to_dict("records")
        _wrote(
            [
                _write_table(out / "budget_allocation.csv", plan.channels),
                _write_json(out / "budget_allocation.json", facts),
                _write_figure(out / "budget_allocation.png", plots.budget(plan)),
            ]
        )


@app.command()
@_reported
def review(
    posterior: Posterior,
    out: Out = None,
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
    with _sampling("Reviewing") as progress:
        from mmm_core.posterior import load_posterior, spec_of
        from mmm_core.review import review as examine
        from mmm_core.spec import load_spec
        from mmm_core.table import read_table

        tree = load_posterior(posterior)
        thresholds = (load_spec(model) if model else spec_of(tree)).review
        if not holdout:
            thresholds = thresholds.model_copy(update={"holdout_weeks": 0})
        found = examine(
            tree,
            thresholds,
            table=read_table(table) if table else None,
            previous=load_posterior(previous) if previous else None,
            progress=progress,
        )
    from mmm_core import console

    _out.print(console.verdicts(found))
    if out:
        rows = [{**result.__dict__, "figure": _finite(result.figure)} for result in found]
        _wrote([_write_json(out / "review.json", {"model": tree.attrs["model"], "checks": rows})])
    if any(not result.passed and result.severity == "ERROR" for result in found):
        raise typer.Exit(1)


@app.command()
@_reported
def schema(
    out: Annotated[Path | None, typer.Option("--out", help="file to write; default standard output")] = None,
) -> None:
    """JSON Schema of a model's YAML, for editors."""
    from mmm_core.spec import json_schema

    if out:
        _wrote([_write_json(out, json_schema())])
    else:
        typer.echo(json.dumps(json_schema(), indent=2))


@contextmanager
def _busy(what: str) -> Iterator[None]:
    """A pulsing bar with the time gone by, for work whose length is not known."""
    with _bar(what, total=None):
        yield


@contextmanager
def _starts(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over the solver's starts."""
    with _bar(what, total=None) as update:
        yield lambda done, total: update(done, total, "")


@contextmanager
def _sampling(what: str) -> Iterator[Callable[[Progress], None]]:
    """A bar over a fit's iterations, with its phase and divergences."""
    with _bar(what, total=None) as update:

        def report(progress: Progress) -> None:
            note = progress.phase + (f", {progress.divergences} divergences" if progress.divergences else "")
            update(progress.done, progress.total if progress.done else None, note)

        yield report


@contextmanager
def _bar(what: str, total: float | None) -> Iterator[Callable[[float, float | None, str], None]]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[note]}", style="dim"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as shown:
        task = shown.add_task(what, total=total, note="")
        yield lambda done, total, note: shown.update(task, completed=done, total=total, note=note)


def _write(path: Path, write: Callable[[Path], object]) -> Path:
    """Write under a temporary name in the same folder, then rename: no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_json(path: Path, value: Any) -> Path:
    text = json.dumps(value, indent=2, default=float)
    return _write(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))


def _write_table(path: Path, table: Any) -> Path:
    return _write(path, lambda target: table.to_csv(target, index=False))


def _write_figure(path: Path, figure: Any) -> Path:
    return _write(path, lambda target: figure.savefig(target, dpi=100))


def _wrote(paths: list[Path]) -> None:
    _out.print(f"[dim]wrote {', '.join(_escape(str(path)) for path in paths)}[/]", soft_wrap=True)


def _finite(value: float) -> float | None:
    return value if value == value else None


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


if __name__ == "__main__":
    app()
