"""`mmm evidence`: the scorecard of a model's lift tests; `mmm lift-tests`: a file to fill in."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmm_core.cli.contents import keep, refuse_another, table_origin
from mmm_core.cli.terminal import (
    Folder,
    ModelFile,
    TableFile,
    busy,
    no_folder,
    print_or_write,
    reported,
)
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    from mmm_core.evidence.lift_test import LiftTest
    from mmm_core.evidence.scorecard import Scorecard
    from mmm_core.evidence.stored import Evidence
    from mmm_core.spec.model_spec import ModelSpec


@reported
def evidence(
    model: ModelFile,
    table: TableFile,
    lift_tests: Annotated[
        Path | None,
        typer.Option("--lift-tests", help="CSV or YAML list of tests, beside those the model's YAML names"),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="a day of the last week the model sees; default the table's"),
    ] = None,
    out: Folder = None,
) -> None:
    """Score a model's lift tests: which may calibrate it, which need review, which are rejected, and why."""
    from mmm_core.spec.model_spec import load_spec

    spec = load_spec(model)
    refuse_another(out, spec.model)
    with busy(f"Scoring the lift tests of {spec.model}"):
        from mmm_core.data.table import read_table

        origin = table_origin(spec, read_table(table), str(table))
        card, undecided = _scored(spec, model.parent, table, lift_tests, as_of.date() if as_of else None)
    from mmm_core.cli import console_evidence

    screen.print(console_evidence.scorecard(card))
    for line in undecided:
        screen.print(f"[yellow]{line}[/]", soft_wrap=True)
    keep(out, {"evidence.csv": card.table, "evidence.json": card.evidence.to_body()}, origin)


@reported
def lift_tests(
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=no_folder, help="file to write; default standard output"),
    ] = None,
) -> None:
    """A CSV of lift tests to fill in: every column, and a row that is an example."""
    from mmm_core.evidence.columns import template

    print_or_write(template(), out)


def calibrating(
    spec: ModelSpec, folder: Path, table: Path, lift_tests: Path | None
) -> tuple[Evidence | None, list[str]]:
    """The lift tests that calibrate a fit, and what a person is told of them; None where there is nothing to score.

    Args:
        folder: of the model's YAML.

    Raises:
        InputError: the model does not ask for tests, or their file is refused.
    """
    from mmm_core.cli.terminal import escape
    from mmm_core.errors import InputError

    wanted = spec.calibration.lift_tests is not None
    if lift_tests is not None and not wanted:
        raise InputError(
            f"model {spec.model}: its YAML does not say that lift tests calibrate it: add "
            "`calibration: {lift_tests: approved}`, or leave --lift-tests out"
        )
    if lift_tests is None and not (spec.calibration.tests or spec.calibration.experiments):
        return None, [NOT_CALIBRATED.format(model=escape(spec.model))] if wanted else []
    card, undecided = _scored(spec, folder, table, lift_tests, None)
    aside = [
        f"{escape(each.test_id)}, {each.status}: {escape('; '.join(each.reasons))}"
        for each in card.evidence.set_aside
    ]
    return card.evidence, [f"lift tests: {card.words}", *aside, *undecided]


NOT_CALIBRATED = "not calibrated: {model} asks for approved lift tests: name their file with --lift-tests"


def _scored(
    spec: ModelSpec, folder: Path, table: Path, lift_tests: Path | None, as_of: date | None
) -> tuple[Scorecard, list[str]]:
    """The scorecard, and a line on approvals of tests that are nowhere."""
    from mmm_core.cli.terminal import escape
    from mmm_core.data.arrays import last_day, model_data
    from mmm_core.data.table import read_table
    from mmm_core.errors import InputError, listed, nearest
    from mmm_core.evidence.beside import approvals_beside, markets_of, unknown_approvals, unknown_priors
    from mmm_core.evidence.scorecard import scorecard

    tests = tests_of(spec, folder, lift_tests)
    if not tests:
        raise InputError(
            f"model {spec.model}: no lift tests: name a file with --lift-tests, or in the YAML: "
            "`calibration: {tests: FILE}`; `mmm lift-tests` writes one to fill in"
        )
    if as_of:
        until = min(as_of, spec.time.to or as_of)
        spec = spec.model_copy(update={"time": spec.time.model_copy(update={"to": until})})
    rows = read_table(table)
    approvals = approvals_beside(spec, folder)
    data = model_data(rows, spec, str(table))
    card = scorecard(
        tests,
        data,
        spec,
        spec.calibration,
        approvals,
        decided_until=last_day(data) if as_of else None,
        markets=markets_of(rows, spec),
    )
    names = [test.test_id for test in tests]
    nowhere = {
        "decided about": unknown_approvals(approvals, names),
        "named in `as_roi_prior`": unknown_priors(spec, names),
    }
    return card, [
        escape(f"{what}, but in no file of tests: {listed(unknown)} ({nearest(unknown[0], names)})")
        for what, unknown in nowhere.items()
        if unknown
    ]


def tests_of(spec: ModelSpec, folder: Path | None, lift_tests: Path | None) -> list[LiftTest]:
    """The tests and experiments that lie beside a model's YAML, and those of a file by hand.

    Args:
        folder: of the model's YAML; None where it was not named, and what lies beside it is not known.
    """
    from mmm_core.evidence.beside import tests_beside
    from mmm_core.evidence.reader import read_lift_tests
    from mmm_core.readout.listed import experiments_beside, read_listed

    found = list(read_lift_tests(lift_tests)) if lift_tests else []
    if folder is None:
        return found
    read = [read_listed(each, (folder,), spec).test for each in experiments_beside(spec, folder)]
    return [*tests_beside(spec, folder), *read, *found]
