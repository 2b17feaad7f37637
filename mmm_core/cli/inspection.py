"""`mmm inspect`: is a table fit to be modelled, and, where nobody has described it, a first model of it.

The exit code is 1 where something was found that no model should be fitted on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm_core.cli.contents import keep, refuse_another, table_origin
from mmm_core.cli.terminal import Folder, TableFile, busy, reported
from mmm_core.cli.terminal import out as screen

TABLE, PROPOSAL = "data_health.csv", "proposed.yaml"


@reported
def inspect(
    table: TableFile,
    model: Annotated[
        Path | None, typer.Option("--model", help="the model's YAML; without it one is proposed")
    ] = None,
    out: Folder = None,
    kpi: Annotated[
        str | None, typer.Option(help="without --model: column of the outcome, where names do not tell")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="print findings that are as they should be too")
    ] = False,
) -> None:
    """Look a weekly table over before any fit; propose a first model of one that has none."""
    from mmm_core.errors import InputError

    if model is not None and kpi is not None:
        raise InputError(
            f"--kpi {kpi}: the model's YAML names the KPI: leave the option out, or leave --model out"
        )
    with busy("Looking the table over"):
        from mmm_core.data.reader import read_table
        from mmm_core.data_health.report import data_health
        from mmm_core.first_model.proposal import propose
        from mmm_core.first_model.written import proposed_yaml
        from mmm_core.spec.model_spec import load_spec

        rows = read_table(table)
        proposal = None if model else propose(rows, table.name.split(".")[0], table.name, kpi)
        spec = proposal.spec if proposal else load_spec(model)  # type: ignore[arg-type]
        refuse_another(out, spec.model)
        report = data_health(rows, spec, str(table))
    from mmm_core.cli import console_inspection as console

    written: dict[str, Any] = {
        TABLE: report.table(),
        "data_health.png": lambda: _drawn("series", report),
    }
    if len(report.panel.media) + len(report.panel.levers) > 1:
        written["correlations.png"] = lambda: _drawn("together", report)
    if proposal:
        text = proposed_yaml(proposal)
        screen.print(console.columns(proposal))
        screen.print(console.remarks(proposal))
        written[PROPOSAL] = text
    screen.print(console.findings(report, everything))
    if proposal:
        screen.print("\n[bold]A first model[/]")
        screen.print(text, markup=False, highlight=False, soft_wrap=True)
    origin = None if report.panel.refused else table_origin(spec, rows, str(table))
    keep(out, written, origin)
    if report.verdict() == "fail":
        raise typer.Exit(1)


def _drawn(picture: str, report: Any) -> Any:
    """A picture of `mmm_core.plots.data_health`, which is imported when one is drawn."""
    from mmm_core.plots import data_health as pictures

    return getattr(pictures, picture)(report)
