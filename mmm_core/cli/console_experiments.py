"""What `mmm experiments` prints: a row an experiment, the one most worth running first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.cli.console import _Figures
from mmm_core.experiments.candidate import change_of_spend
from mmm_core.plural import plural

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mmm_core.experiments.plan import ExperimentPlan


def experiments(found: ExperimentPlan, every: bool = False) -> RenderableType:
    """The ranking: of the best design of each channel, or of every candidate."""
    rows = found.table if every else found.best
    what = "every candidate" if every else f"the best of {len(found.table)} designs for each channel"
    table = _Figures(
        f"What an experiment is worth, in {escape(found.outcome)}: {what}", "channel", "where", "weeks", "change",
        "spend", "ROI expected", "± sd", "detects ROI", "power", "error", "cost", "EVSI", "± se", "net value",
        text=("where",),
    )  # fmt: skip
    for row in rows.to_dict("records"):
        table.add_row(*_cells(row))
    certain, chance = f"{found.perfect.evsi:,.0f}", f"{found.perfect.standard_error:,.0f}"
    lines = [
        f"EVSI: expected gain of the budget decisions of {plural(found.horizon_weeks, 'week')}, knowing the result; "
        f"knowing every response for certain would gain {certain} (± {chance})",
        f"cost: outcome lost against the plan, a unit of spend counted as {found.price:.2f}; below 0 the change is "
        "better than the plan whatever the experiment finds: see `mmm allocate`",
        f"detects: the ROI found with probability {percent(found.power)} at a two-sided size of "
        f"{percent(found.size)}; power: at the model's own estimate",
        *([found.counted] if found.counted else []),
        found.words,
    ]
    notes = [Text(note, style="yellow") for note in found.passed_over]
    return Group(table, *notes, *(Text(line) for line in lines))


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    spend = abs(row["incremental_spend"])
    return (
        escape(row["channel"]),
        escape(row["area"]),
        str(row["weeks"]),
        change_of_spend(row["change"]),
        f"{row['incremental_spend']:+,.0f}",
        f"{row['roi']:.3g}",
        f"{row['incremental_outcome_sd'] / spend:.2g}",
        f"{row['detectable_roi']:.3g}",
        f"{row['power']:.0%}",
        f"{row['standard_error']:,.0f}",
        f"{row['cost']:,.0f}",
        f"{row['evsi']:,.0f}",
        f"{row['evsi_se']:,.0f}",
        f"{row['net_value']:,.0f}",
    )


def percent(value: float) -> str:
    """A probability without needless digits."""
    return f"{100 * value:.3g} %"
