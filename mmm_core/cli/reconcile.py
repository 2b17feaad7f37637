"""`mmm reconcile`: model, lift tests and attribution side by side; `mmm attribution`: a file of claims to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmm_core.cli.asked import spec_as_asked
from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.terminal import (
    Folder,
    PosteriorFile,
    busy,
    escape,
    label,
    marked,
    no_folder,
    print_or_write,
    read_posterior,
    reported,
)
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    from mmm_core.evidence.scorecard import Scorecard
    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.model_spec import ModelSpec


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (reconcile, attribution):
        app.command(rich_help_panel="Question a model")(command)


@reported
def reconcile(
    posterior: PosteriorFile,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            help="the model's YAML as it is now: its rule, and tests and approvals beside it; default the posterior's",
        ),
    ] = None,
    lift_tests: Annotated[
        Path | None,
        typer.Option("--lift-tests", help="CSV or YAML list of tests; approved ones are compared"),
    ] = None,
    attribution: Annotated[
        Path | None,
        typer.Option(
            "--attribution", help="table of what platforms claim, CSV or Parquet; see `mmm attribution`"
        ),
    ] = None,
    out: Folder = None,
) -> None:
    """Compare, average and fuse what model, lift tests and attribution say of each channel's return."""
    with busy("Reading the sources"):
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.reconciliation.claims import read_claims
        from mmm_core.reconciliation.reconcile import reconcile as compare
        from mmm_core.reconciliation.tables import channel_table, pair_table, source_table

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        card = _scored(read, spec, model.parent if model else None, lift_tests)
        claims = read_claims(attribution) if attribution else None
        found = compare(
            read,
            card.evidence.tests if card else (),
            claims,
            spec.reconciliation,
            spec.calibration.rule.currency,
        )
        doubts = unconverged(read)
    from mmm_core.cli import console_reconcile

    label(found.approximate, doubts)
    screen.print(console_reconcile.reconciliation(found))
    if card:
        for aside in card.evidence.set_aside:
            reasons = escape("; ".join(aside.reasons))
            screen.print(
                f"[dim]{escape(aside.test_id)}, {aside.status}, is not compared: {reasons}[/]", soft_wrap=True
            )
        if model is None and spec.calibration.approvals and card.evidence.set_aside:
            screen.print(APPROVALS_NOT_READ.format(file=escape(spec.calibration.approvals)), soft_wrap=True)
    if not found.pairs:
        screen.print(NOTHING_TO_COMPARE, soft_wrap=True)

    def picture() -> object:
        from mmm_core.plots.reconciliation import reconciliation

        return reconciliation(found)

    keep(
        out,
        {
            "reconciliation.csv": marked(channel_table(found), read.approximate),
            "reconciliation_sources.csv": marked(source_table(found), read.approximate),
            "reconciliation_pairs.csv": pair_table(found),
            "reconciliation_left_out.csv": found.left_out,
            "reconciliation.png": picture,
        },
        posterior_origin(read),
    )


APPROVALS_NOT_READ = (
    "[yellow]approvals of {file} were not read: name the model's YAML, which it lies beside, with --model[/]"
)
NOTHING_TO_COMPARE = (
    "[yellow]nothing is compared: name tests with --lift-tests or claims with --attribution; tests need an approval "
    "beside the YAML that --model names[/]"
)


@reported
def attribution(
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=no_folder, help="file to write; default standard output"),
    ] = None,
) -> None:
    """A CSV of what platforms claim to fill in: every column, and a row that is an example."""
    from mmm_core.reconciliation.claims import template

    print_or_write(template(), out)


def _scored(
    read: Posterior, spec: ModelSpec, folder: Path | None, lift_tests: Path | None
) -> Scorecard | None:
    """The tests of the command and of the YAML, held against the posterior's data; None without any.

    Args:
        folder: of the model's YAML; None where it was not named, and neither are its files.
    """
    from mmm_core.cli.evidence import tests_of
    from mmm_core.evidence.beside import approvals_beside
    from mmm_core.evidence.scorecard import scorecard

    tests = tests_of(spec, folder, lift_tests)
    if not tests:
        return None
    approvals = approvals_beside(spec, folder) if folder else {}
    return scorecard(tests, read.data, read.spec, spec.calibration, approvals)
