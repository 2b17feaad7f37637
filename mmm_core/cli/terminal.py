"""What the commands share: errors as one message, progress on standard error, files that are never half written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mmm_core.files import why_not_written, write_whole
from mmm_core.inputs import name_of
from mmm_core.json_text import dumps
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

    from mmm_core.inference.hmc.state import Progress
    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.model_spec import ModelSpec

STUCK = 3
"""Exit code of a command whose fit stood still."""

LOG_WIDTH = 160
"""Columns of a log or pipe, where nobody's window ends."""

# Results go to standard output, progress and errors to standard error.
out = Console(
    highlight=False, emoji=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else LOG_WIDTH
)
err = Console(stderr=True, highlight=False, emoji=False)

ModelFile = Annotated[Path, typer.Option("--model", help="the model's YAML; see docs/model-spec.md")]
TableFile = Annotated[Path, typer.Option("--table", help="weekly table, CSV or Parquet")]
PosteriorFile = Annotated[Path, typer.Option("--posterior", help="a posterior.nc that `mmm fit` wrote")]


def can_be_written(path: Path | None, folder: bool = False) -> Path | None:
    """A file or folder to write, refused before any work where it cannot be made.

    Raises:
        typer.BadParameter: neither it nor what it lies in can be made.
    """
    if path is not None and (why := why_not_written(path, folder)):
        raise typer.BadParameter(f"{path} cannot be written: {why}")
    return path


def no_folder(path: Path | None) -> Path | None:
    """A file to write. Raises typer.BadParameter where it is a folder, or cannot be made."""
    if path is not None and path.is_dir():
        raise typer.BadParameter(f"{path} is a folder: name a file")
    return can_be_written(path)


def a_folder(path: Path | None) -> Path | None:
    """A folder to write to. Raises typer.BadParameter where it is a file, or cannot be made."""
    if path is not None and path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{path} is a file: name a folder")
    return can_be_written(path, folder=True)


Folder = Annotated[
    Path | None,
    typer.Option("--out", callback=a_folder, help="folder for the files; nothing is written without it"),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="numpyro, pymc, meridian, or approximate: laplace, advi, ridge; default the model's"
    ),
]
Draws = Annotated[
    int | None, typer.Option(min=100, max=100_000, help="kept draws a chain; default the model's")
]


def with_engine(spec: ModelSpec, engine: str | None) -> ModelSpec:
    """The specification with another engine."""
    from mmm_core.errors import InputError, nearest
    from mmm_core.inference.engines import ENGINES

    if engine is None:
        return spec
    if engine not in ENGINES:
        raise InputError(f"--engine {engine}: {nearest(engine, ENGINES)}")
    return spec.model_copy(update={"fit": spec.fit.model_copy(update={"engine": engine})})


def read_posterior(path: Path, refits: bool = False) -> Posterior:
    """A posterior, with a remark on standard error where other source fitted it than works out its figures here.

    Args:
        refits: whether a fit follows, which sets JAX up for its own chains.
    """
    from mmm_core.posterior.handle import Posterior

    return Posterior.of(read_tree(path, refits))


def read_tree(path: Path, refits: bool = False) -> DataTree:
    """The same with where its chains ended, from where a refit goes on."""
    from mmm_core.inference.runtime import configure
    from mmm_core.inference.version import source_remark
    from mmm_core.posterior.schema import load_posterior

    if not refits:
        configure(chains=1)  # programs compiled before are found again
    tree = load_posterior(path)
    remark = source_remark(tree, str(path))
    if remark:
        err.print(f"[yellow]{escape(remark)}[/]", soft_wrap=True)
    return tree


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose refused input is one clear message and exit code 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from mmm_core.errors import InputError

        try:
            command(*args, **kwargs)
        except (InputError, OSError) as error:
            err.print(f"[bold red]Error:[/] [red]{escape(str(error))}[/]", soft_wrap=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            err.print("stopped; nothing half-written is left behind")
            raise typer.Exit(130) from None

    return run


@contextmanager
def busy(what: str) -> Iterator[None]:
    """A pulsing bar with the time gone by, for work whose length is not known."""
    with bar(what, total=None):
        yield


@contextmanager
def starts(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over the solver's starts."""
    with bar(what, total=None) as update:
        yield lambda done, total: update(done, total, "")


@contextmanager
def sampling(what: str) -> Iterator[Callable[[Progress], None]]:
    """A bar over a fit's iterations, with its phase and what the sampler says of itself; plain lines in a log.

    Remarks stay on the screen: the memory that the fit takes, from which iteration of a checkpoint it goes on.
    """
    from mmm_core.inference.watchdog import when_stuck

    when_stuck(_end_stuck)
    told: set[object] = set()

    def once(line: str, key: object) -> None:
        if key not in told:
            told.add(key)
            err.print(escape(line), soft_wrap=True)

    with bar(what, total=None) as update:

        def report(progress: Progress) -> None:
            if progress.message:
                once(progress.message[0].upper() + progress.message[1:], progress.message)
            update(progress.done, progress.total if progress.done else None, note_of(progress))
            if not err.is_terminal and progress.total:
                quarter = 4 * progress.done // progress.total
                done = f"{progress.done:,} of {progress.total:,}, " if progress.done else ""
                once(f"{what}: {done}{note_of(progress)}", (progress.phase, quarter))

        yield report


def _end_stuck(reason: str) -> None:
    """Say why a fit is stuck and end the process, which its stuck threads would keep alive."""
    err.show_cursor()
    err.print(f"[bold red]Error:[/] [red]{escape(reason)}[/]", soft_wrap=True)
    out.file.flush()
    err.file.flush()
    os._exit(STUCK)


@contextmanager
def bar(what: str, total: float | None) -> Iterator[Callable[[float, float | None, str], None]]:
    """A bar told how much is done, of how much, and what to say beside it."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(what, total=total, note="")
        yield lambda done, total, note: shown.update(task, completed=done, total=total, note=note)


def writer(path: Path, value: Any) -> Callable[[Path], object]:
    """What writes a value to a file, by the ending of its name: a data frame as CSV, a figure as PNG, a dataset as
    netCDF, else JSON, indented, in which a figure that does not exist is null. Text is written as it is.
    """
    if isinstance(value, str):
        return lambda target: target.write_text(value, encoding="utf-8")
    if path.suffix == ".csv":
        return lambda target: value.to_csv(target, index=False)
    if path.suffix == ".png":
        from mmm_core.plots.image import png

        return lambda target: target.write_bytes(png(value))
    if path.suffix == ".nc":
        return lambda target: value.to_netcdf(target, engine="h5netcdf")
    text = dumps(value, indent=2)
    return lambda target: target.write_text(text + "\n", encoding="utf-8")


def write_json(path: Path, value: Any) -> Path:
    """JSON, as `writer` says."""
    return write_whole(path, writer(path, value))


def write_text(path: Path, text: str) -> Path:
    """Text as it is."""
    return write_whole(path, lambda target: target.write_text(text, encoding="utf-8"))


def print_or_write(text: str, path: Path | None) -> None:
    """Text for standard output, or for a file where one is named."""
    if path:
        wrote([write_text(path, text)])
    else:
        typer.echo(text, nl=False)


def write_table(path: Path, table: Any) -> Path:
    """A data frame as CSV."""
    return write_whole(path, writer(path, table))


def write_figure(path: Path, figure: Any) -> Path:
    """A figure as PNG."""
    return write_whole(path, writer(path, figure))


def wrote(paths: list[Path]) -> None:
    """Say which files there are now."""
    out.print(f"[dim]wrote {', '.join(escape(name_of(path)) for path in paths)}[/]", soft_wrap=True)


def marked(table: pd.DataFrame, approximate: str) -> pd.DataFrame:
    """The table with a last column that says what is approximate about its figures, where anything is."""
    return table.assign(approximate=f"approximate: {approximate}") if approximate else table


def label(approximate: str, unconverged: str = "") -> None:
    """Say that what follows is approximate, or of chains that did not converge, where it is."""
    for what, words in (("approximate", approximate), ("not converged", unconverged)):
        if words:
            out.print(f"[yellow]{what}: {escape(words)}[/]", soft_wrap=True)


def escape(text: str) -> str:
    """Text in which Rich sees no markup."""
    from rich.markup import escape

    return escape(text)


def note_of(progress: Progress) -> str:
    """What a sampler says of itself, in a few words; only what it knows."""
    words = [progress.phase]
    if progress.step_size == progress.step_size:  # nan where there is none yet
        words.append(f"step {progress.step_size:.2g}")
    if progress.acceptance == progress.acceptance:
        words.append(f"acceptance {progress.acceptance:.0%}")
    if progress.rhat == progress.rhat:
        words.append(f"R-hat {progress.rhat:.3f}")
    if progress.divergences:
        words.append(f"{plural(progress.divergences, 'divergence')}")
    if progress.message:
        words.append(progress.message)
    return ", ".join(words)
