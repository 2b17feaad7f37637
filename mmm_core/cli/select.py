"""`mmm select`: which of several specifications, or of the ladder's variations of one, forecasts best.

The exit code is 1 where a model that was named has no scores to be chosen by, whatever became of the others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.terminal import (
    Draws,
    Engine,
    TableFile,
    err,
    escape,
    no_folder,
    reported,
    sampling,
    with_engine,
    write_text,
    wrote,
)
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    from mmm_core.spec.model_spec import ModelSpec


@reported
def select(
    table: TableFile,
    models: Annotated[
        list[Path] | None, typer.Option("--models", help="YAML of each model: --models a.yaml b.yaml ...")
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    ladder: Annotated[
        bool,
        typer.Option("--ladder", help="of one model: try other scales, levels, seasons, holidays, noise"),
    ] = False,
    country: Annotated[
        str | None, typer.Option(help="with --ladder: whose holidays to try, such as US")
    ] = None,
    origins: Annotated[
        int | None,
        typer.Option(
            min=1, help="refits of each, as of weeks of the past; default 6, or a year to learn from"
        ),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="weeks forecast from each")] = 13,
    step: Annotated[
        int | None, typer.Option(min=1, help="weeks between origins; default the horizon")
    ] = None,
    draws: Draws = None,
    engine: Engine = None,
    out: Annotated[
        Path | None, typer.Option("--out", callback=no_folder, help="YAML file for the recommended model")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Rank specifications by their forecasts of weeks not seen, say what is chance, recommend one; never by ROI."""
    from mmm_core.errors import InputError, SpecError, listed
    from mmm_core.spec.model_spec import load_spec

    files = by_name([*(models or ()), *(more or ())])
    if not files:
        raise InputError("name the models: --models a.yaml b.yaml, or one and --ladder")
    if absent := [str(file) for file in files.values() if not file.is_file()]:
        raise InputError(f"{listed(absent)}: no such file: correct the name, or leave it out of --models")
    inputs = {file.resolve() for file in (table, *files.values())}
    if out is not None and out.resolve() in inputs:
        raise InputError(f"--out {out} is a file that this command reads: name another, it would be replaced")
    if ladder and len(files) > 1:
        raise InputError(f"--ladder varies one model, and {len(files)} are named: name one")
    if country is not None and not ladder:
        raise InputError(f"--country {country} goes with --ladder: add it, or state the holidays in the YAML")
    specs: dict[str, ModelSpec] = {}
    refused: dict[str, str] = {}
    for name, file in files.items():
        try:
            specs[name] = with_engine(load_spec(file), engine)
        except SpecError as error:
            if ladder:
                raise
            refused[name] = str(error)
    with sampling("Selecting") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.selection import written
        from mmm_core.selection.candidate import Candidate
        from mmm_core.selection.select import AS_WRITTEN, climb
        from mmm_core.selection.select import select as choose

        rows, settings = read_table(table), (origins, horizon, step, draws, progress, str(table))
        keys: dict[str, Any] = {}
        if ladder:
            found, keys = climb(rows, next(iter(specs.values())), *settings, country)
        else:
            found = choose(rows, specs, *settings)
        unread = tuple(Candidate(name, None, reason=reason) for name, reason in refused.items())
        found = replace(found, candidates=(*found.candidates, *unread))
    if not json:
        from mmm_core.cli import console

        screen.print(console.selection(found))
    if out:
        file = next(iter(files.values())) if ladder else files[found.recommended.name]
        write_text(out, written.chosen_yaml(found, file, keys.get(found.recommended.name, {})))
    if json:
        typer.echo(written.as_json(found))
    elif out:
        wrote([out])
    not_judged = found.not_judged([AS_WRITTEN] if ladder else files)
    for candidate in not_judged:
        name = str(files.get(candidate.name, next(iter(files.values()))))
        err.print(
            f"[bold red]Not judged:[/] [red]{escape(name)}: {escape(candidate.reason)}[/]", soft_wrap=True
        )
    if not_judged:
        raise typer.Exit(1)


def by_name(files: list[Path]) -> dict[str, Path]:
    """Files by the name to call their models: the file's own, with its folder where two share one.

    Raises:
        InputError: a file that is named twice.
    """
    from mmm_core.errors import InputError

    twice = [file for file in files if files.count(file) > 1]
    if twice:
        raise InputError(f"{twice[0]}: is named twice")
    stems = [file.stem for file in files]
    return {file.stem if stems.count(file.stem) == 1 else str(file): file for file in files}
