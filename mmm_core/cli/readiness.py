"""`mmm readiness`: whether a recommended budget may be acted on, gate by gate."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.asked import LongTermFile, long_term_as_asked, spec_as_asked
from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.terminal import Folder, PosteriorFile, escape, label, read_posterior, reported, starts
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.posterior.handle import Posterior
    from mmm_core.readiness.gates import Verdict
    from mmm_core.spec.model_spec import ModelSpec


CELLS = "budget_cells.csv"
"""What `mmm allocate` writes of a plan by week, geo or flighting."""


@reported
def readiness(
    posterior: PosteriorFile,
    out: Folder = None,
    review: Annotated[
        Path | None,
        typer.Option("--review", help="a review.json of this posterior; without it two gates stay closed"),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", help="a YAML whose `readiness:`, `budget:` and file of overrides are used instead"
        ),
    ] = None,
    allocation: Annotated[
        Path | None,
        typer.Option("--allocation", help="budget_allocation.json of `mmm allocate`; else it is worked out"),
    ] = None,
    long_term: LongTermFile = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", formats=["%Y-%m-%d"], help="week that overrides hold for; default the data's last"
        ),
    ] = None,
) -> None:
    """Put a recommended budget to the gates of readiness; exit code 1 where one is closed."""
    with starts("Putting the budget to its gates") as progress:
        from mmm_core.budget.allocation import allocate
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.readiness.overrides import overrides_beside
        from mmm_core.readiness.report import readiness as ask

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        verdicts = _verdicts(review, read)
        budget, long = spec.budget, long_term_as_asked(long_term, spec.budget)
        if allocation:
            spend, weeks = _recommended(allocation)
            budget = budget.model_copy(update={"weeks": weeks})
            cells = cells_beside(allocation, spend)
        else:
            made = allocate(read, budget, progress, long)
            table, cells = made.channels, made.cells
            spend = dict(zip(table["channel"], table["recommended_spend"], strict=True))
        overrides = overrides_beside(spec, model.parent) if model else {}
        week = as_of.date() if as_of else _last_week(read, spec)
        found = ask(read, spend, verdicts, week, spec.readiness, overrides, budget, long, cells)
        doubts = unconverged(read)
    label(read.approximate, doubts)
    for gate in found.gates:
        closed = "[yellow]let pass[/]" if gate.name in found.overrides else "[red]closed[/]"
        mark = "[green]passed[/]" if gate.passed else closed
        screen.print(f"{mark}  {gate.name}: {escape(gate.message)}", soft_wrap=True)
    screen.print(found.verdict, markup=False, soft_wrap=True)
    facts = {"model": read.model, "as_of": str(week), "ready": found.ready, "verdict": found.verdict}
    facts["reasons"] = found.reasons
    files = {
        "readiness.csv": found.table(),
        "readiness.json": {**facts, "gates": found.table().to_dict("records")},
    }
    keep(out, files, posterior_origin(read))
    if not found.ready:
        raise typer.Exit(1)


def _last_week(read: Posterior, spec: ModelSpec) -> Any:
    """First day of the data's last week."""
    import pandas as pd

    from mmm_core.data.weeks import first_days

    return first_days(pd.DatetimeIndex(read.data["week"].to_numpy()[-1:]), spec)[0].date()


def _verdicts(path: Path | None, read: Posterior) -> list[Verdict]:
    """The checks of a review of this model; none where no file is named.

    Raises:
        InputError: no review, or one of another model.
    """
    from mmm_core.errors import InputError
    from mmm_core.inputs import name_of
    from mmm_core.readiness.gates import Verdict

    if path is None:
        return []
    facts = _facts(path, "mmm review", "review.json")
    try:
        checks = [Verdict(str(c["name"]), str(c["severity"]), bool(c["passed"])) for c in facts["checks"]]
    except (KeyError, TypeError):
        raise InputError(f"{name_of(path)}: no review: name a review.json that `mmm review` wrote") from None
    if facts.get("model") != read.model:
        raise InputError(f"{name_of(path)} is a review of {facts.get('model')}, not of {read.model}")
    return checks


def _recommended(path: Path) -> tuple[dict[str, float], int]:
    """Spend by channel of an allocation, and its weeks."""
    from mmm_core.errors import InputError
    from mmm_core.inputs import name_of

    facts = _facts(path, "mmm allocate", "budget_allocation.json")
    try:
        spend = {str(row["channel"]): float(row["recommended_spend"]) for row in facts["channels"]}
        weeks = int(facts["weeks"])
        if weeks < 1:
            raise ValueError("no weeks")
        return spend, weeks
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{name_of(path)}: no recommendation: name a budget_allocation.json that `mmm allocate` wrote"
        ) from None


def cells_beside(path: Path, spend: dict[str, float]) -> pd.DataFrame | None:
    """Weeks, geos or flightings of an allocation, which `mmm allocate` writes beside it; None of one without.

    Raises:
        InputError: they are those of another plan.
    """
    import pandas as pd

    from mmm_core.errors import InputError
    from mmm_core.inputs import name_of

    file = path.parent / CELLS
    if not file.exists():
        return None
    cells = pd.read_csv(file, keep_default_na=False, na_values={"week": [""]})
    sums = cells.groupby("channel")["recommended_spend"].sum()
    if any(abs(sums.get(name, 0.0) - money) > 1e-6 * max(money, 1.0) for name, money in spend.items()):
        raise InputError(f"{name_of(file)}: another plan than that of {path.name}: run `mmm allocate` again")
    return cells


def _facts(path: Path, command: str, file: str) -> dict[str, Any]:
    from mmm_core.errors import InputError
    from mmm_core.inputs import name_of, read_bytes

    try:
        facts = json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError):
        facts = None
    if not isinstance(facts, dict):
        raise InputError(f"{name_of(path)}: no {file}: name one that `{command}` wrote")
    return facts
