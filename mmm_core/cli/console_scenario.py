"""What `mmm scenario` prints: plans side by side, and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.budget import change
from mmm_core.cli.console import INTERVAL, _Figures
from mmm_core.plural import plural

if TYPE_CHECKING:
    from mmm_core.scenarios.report import ScenarioReport


def scenarios(found: ScenarioReport) -> RenderableType:
    """A row a plan, what each spends by channel below, and what it comes to in words."""
    priced = [] if found.margin is None else ["profit"]
    table = _Figures(
        f"Plans for {plural(found.weeks, 'week')}, {found.first_week.date()} to {found.last_week.date()}", "scenario",
        "spend", escape(found.outcome), INTERVAL, "by media", *priced,
        f"{escape(found.gain_in)} more", INTERVAL, "better",
    )  # fmt: skip
    for row in found.table.to_dict("records"):
        table.add_row(
            escape(row["scenario"]),
            figure(row["spend"]),
            figure(row["outcome"]),
            f"{figure(row['outcome_q05'])} to {figure(row['outcome_q95'])}",
            figure(row["incremental"]),
            *([figure(row["profit"])] if priced else []),
            *_gain(row),
        )
    spend = _Figures("\nSpend by channel", "scenario", *map(escape, found.posterior.spec.paid))
    for each in found.evaluated:
        spend.add_row(escape(each.plan.name), *map(figure, each.plan.by_channel()))
    return Group(table, spend, *_sweep(found), *(Text(line) for line in found.words))


def _sweep(found: ScenarioReport) -> list[RenderableType]:
    """A row a budget, the most profitable marked."""
    if found.sweep is None:
        return []
    priced = [] if found.margin is None else ["profit"]
    table = _Figures(
        "\nThe best plan at each budget", "of the last spend", "spend", "by media", INTERVAL, "worst fifth",
        "next unit", *priced,
    )  # fmt: skip
    for row in found.sweep.to_dict("records"):
        table.add_row(
            f"{row['multiple']:.0%}" + (" <- most profit" if row["is_best"] else ""),
            figure(row["spend"]),
            figure(row["incremental"]),
            f"{figure(row['incremental_q05'])} to {figure(row['incremental_q95'])}",
            figure(row["incremental_cvar"]),
            f"{row['marginal']:.3g}",
            *([figure(row["profit"])] if priced else []),
        )
    return [table]


def _gain(row: Any) -> tuple[str, str, str]:
    if row["is_reference"]:
        return "", "", ""
    probability = row["probability_better"]
    likely = change.percent(probability) if probability == probability else "same"
    return figure(row["gain"]), f"{figure(row['gain_q05'])} to {figure(row['gain_q95'])}", likely


def figure(value: float) -> str:
    """Money or units without needless digits."""
    if value != value:
        return ""
    return change.figure(value)
