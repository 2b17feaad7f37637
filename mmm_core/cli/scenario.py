"""`mmm scenario`: plans for the coming weeks held against each other, from a posterior."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.asked import LongTermFile, MadeAfter, long_term_as_asked, spec_as_asked
from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.readiness import cells_beside
from mmm_core.cli.terminal import Folder, PosteriorFile, label, read_posterior, reported, starts
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    from mmm_core.scenarios.recommendation import Recommendation
    from mmm_core.scenarios.report import ScenarioReport
    from mmm_core.spec.scenarios_spec import Scenarios

ASKED = "asked"
"""Name of the plan that options of the command line make."""


@reported
def scenario(
    posterior: PosteriorFile,
    out: Folder = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="a YAML whose `scenarios:`, `budget:` and `margin:` are used instead"),
    ] = None,
    scenarios: Annotated[
        Path | None, typer.Option("--scenarios", help="a YAML of scenarios, used instead of the model's")
    ] = None,
    spend: Annotated[
        list[str] | None,
        typer.Option("--spend", help="a plan said here: search=+20%, tv=off@1-4, all=-10%; may be repeated"),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            "--control", help="the same of a control or treatment: promotion=off@3-5; may be repeated"
        ),
    ] = None,
    weeks: Annotated[
        int | None, typer.Option("--weeks", min=1, max=104, help="horizon; default the scenarios'")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="money that a unit of the outcome leaves; default the model's"),
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep", help="the best plan at each of several budgets too; multiples as in the YAML"
        ),
    ] = False,
    recommended: Annotated[
        Path | None,
        typer.Option(
            "--recommended",
            help="an earlier budget_allocation.json: what was spent since, and what that cost",
        ),
    ] = None,
    after: MadeAfter = None,
    seed: Annotated[int, typer.Option(min=0, help="of the level's steps and the noise")] = 0,
    long_term: LongTermFile = None,
) -> None:
    """Hold plans for the coming weeks against each other: what each brings, and which is better how surely."""
    with starts("Working out what plans bring") as progress:
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.scenarios.report import evaluate_scenarios
        from mmm_core.spec.scenarios_file import load_scenarios

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        asked = load_scenarios(scenarios) if scenarios else spec.scenarios
        asked = _with_options(asked, spend, control, weeks, sweep)
        found = evaluate_scenarios(
            read,
            asked,
            spec.budget,
            spec.margin if margin is None else margin,
            folder=(scenarios or model or Path("model.yaml")).parent,
            seed=seed,
            earlier=[earlier_recommendation(recommended, after)] if recommended else (),
            progress=progress,
            long_term=long_term_as_asked(long_term, spec.budget),
        )
        doubts = unconverged(read)
    from mmm_core.cli import console_scenario

    label(read.approximate, doubts)
    screen.print(console_scenario.scenarios(found))
    keep(out, files_of(found, doubts), posterior_origin(read))


def files_of(found: ScenarioReport, doubts: str) -> dict[str, Any]:
    """What is written, by file name."""

    def picture() -> Any:
        from mmm_core.plots.scenarios import scenarios as drawn

        return drawn(found)

    def frontier() -> Any:
        from mmm_core.plots.scenarios import frontier as drawn

        return drawn(found)

    swept = {} if found.sweep is None else {"budget_sweep.csv": found.sweep, "budget_sweep.png": frontier}
    plans = [each.plan.planned.assign(scenario=each.plan.name) for each in found.evaluated]
    return {
        "scenarios.csv": found.table,
        "scenario_channels.csv": found.channels,
        "scenario_weeks.csv": found.weekly,
        "scenario_pairs.csv": found.pairs,
        "scenario_plans.csv": _stacked(plans),
        "scenarios.json": {**facts_of(found), "not_converged": doubts},
        "scenarios.png": picture,
        **swept,
        **_followed(found),
    }


def _followed(found: ScenarioReport) -> dict[str, Any]:
    """Spent against recommended by channel, and by geo or week where the recommendation decided those."""
    if not found.followed:
        return {}
    first = found.followed[0]
    cells = {} if first.cells is None else {"spent_against_recommended_cells.csv": first.cells}
    return {"spent_against_recommended.csv": first.table, **cells}


def facts_of(found: ScenarioReport) -> dict[str, Any]:
    """What the figures mean, beside the tables."""
    return {
        "model": found.posterior.model,
        "weeks": found.weeks,
        "first_week": str(found.first_week.date()),
        "last_week": str(found.last_week.date()),
        "week_marks": found.posterior.spec.time.marks,
        "against": found.against,
        "outcome": found.outcome,
        "margin": found.margin,
        "compared_by": found.gain_in,
        "horizon": found.horizon,
        "seed": found.seed,
        "approximate": found.approximate,
        "assumed": {each.plan.name: each.assumed for each in found.evaluated},
        "left_out": dict(found.left_out),
        "words": found.words,
        "scenarios": found.table.to_dict("records"),
        "pairs": found.pairs.to_dict("records"),
        "sweep": [] if found.sweep is None else found.sweep.to_dict("records"),
    }


def earlier_recommendation(path: Path, after: datetime | None) -> Recommendation:
    """A recommendation that `mmm allocate` wrote.

    Raises:
        InputError: no such file, another one, or one that does not say when it was made.
    """
    import json

    import pandas as pd

    from mmm_core.errors import InputError
    from mmm_core.inputs import name_of, read_bytes
    from mmm_core.scenarios.recommendation import Recommendation

    try:
        facts = json.loads(read_bytes(path))
        table = pd.DataFrame(facts["channels"])[["channel", "current_spend", "recommended_spend"]]
        weeks = int(facts["weeks"])
        stated = pd.Timestamp(facts["data_until"]) if facts.get("data_until") else None
        if weeks < 1:
            raise ValueError("no weeks")
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name_of(path)}: no recommendation: name a budget_allocation.json of `mmm allocate`"
        ) from None
    made = pd.Timestamp(after) if after else stated
    if made is None:
        raise InputError(
            f"{name_of(path)} does not say on which data it was made: name their last week with --after"
        )
    spend = {
        str(channel): float(money)
        for channel, money in zip(table["channel"], table["recommended_spend"], strict=True)
    }
    return Recommendation.of_table(table, made, weeks, cells_beside(path, spend))


def _stacked(plans: Sequence[Any]) -> Any:
    """The plans' tables one below the other, the plan's name first."""
    import pandas as pd

    table = pd.concat(plans, ignore_index=True)
    return table[["scenario", *(column for column in table.columns if column != "scenario")]]


def _with_options(
    asked: Scenarios,
    spend: Sequence[str] | None,
    control: Sequence[str] | None,
    weeks: int | None,
    sweep: bool,
) -> Scenarios:
    """The scenarios with a plan that options make, and another horizon.

    Raises:
        InputError: an option that cannot be read, with what to write.
    """
    from mmm_core.spec.scenarios_file import parse_scenarios

    changes: dict[str, Any] = {}
    if weeks is not None:
        changes["weeks"] = weeks
    if sweep and asked.sweep is None:
        changes["sweep"] = {}
    plan = {"spend": _said(spend, "--spend"), "controls": _said(control, "--control")}
    if any(plan.values()):
        changes["plans"] = {**asked.plans, ASKED: {key: value for key, value in plan.items() if value}}
    if not changes:
        return asked
    return parse_scenarios({**asked.model_dump(), **changes}, "mmm scenario")


def _said(options: Sequence[str] | None, name: str) -> dict[str, Any]:
    """Options such as tv=off@1-4 as a plan has them: {tv: {1-4: off}}."""
    from mmm_core.errors import InputError

    out: dict[str, Any] = {}
    for option in options or ():
        what, equals, change = option.partition("=")
        change, at, weeks = change.partition("@")
        what, weeks = what.strip(), weeks.strip()
        if not equals or not what or not change.strip() or (at and not weeks):
            raise InputError(f"{name} {option}: write search=+20%, tv=250000, or tv=off@1-4 for weeks 1 to 4")
        value = _number(change.strip())
        if what in out and not (at and isinstance(out[what], dict)):
            raise InputError(
                f"{name} {option}: {what} is said twice: name weeks in each, tv=off@1-4 and tv=+20%@5-8"
            )
        if not at:
            out[what] = value
        elif weeks in out.setdefault(what, {}):
            raise InputError(f"{name} {option}: weeks {weeks} of {what} are said twice")
        else:
            out[what][weeks] = value
    return out


def _number(text: str) -> Any:
    """The number that a text is, or the text."""
    try:
        return float(text)
    except ValueError:
        return text
