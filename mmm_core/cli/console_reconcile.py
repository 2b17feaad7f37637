"""What `mmm reconcile` prints: a row a channel, what disagrees beneath it, and what was claimed for nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.cli.console import INTERVAL, _Figures
from mmm_core.plural import plural
from mmm_core.reconciliation.reconcile import DISAGREE
from mmm_core.reconciliation.tables import channel_table, source_table

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.reconciliation.reconcile import Reconciliation

SHOWN = 8
COLUMNS = (
    "channel", "model", INTERVAL, "tests", INTERVAL, "claimed", "attribution", INTERVAL,
    "weights", "weighted", INTERVAL, "fused", INTERVAL, "verdict",
)  # fmt: skip
"""What may be known of a channel; a column that is blank for all of them is left out."""


def reconciliation(found: Reconciliation) -> RenderableType:
    """The sources of every channel, average and fusion."""
    table = channel_table(found)
    weeks = plural(found.weeks, "week")
    title = (
        f"{escape(found.model)}: {found.returns}, {found.first.date()} to {found.last.date()} ({weeks}): "
        f"{found.words}"
    )
    rows = [_cells(row) for row in table.to_dict("records")]
    known = [position for position in range(len(COLUMNS)) if any(cells[position] for cells in rows)]
    figures = _Figures(title, *(COLUMNS[position] for position in known), text=("weights", "verdict"))
    for cells in rows:
        figures.add_row(*(cells[position] for position in known))
    return Group(figures, *_disagreements(table), *_remarks(found), *_left_out(found))


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    tests = _number(row["tests_roi"])
    if row["tests_in_posterior"] and not row["new_tests"]:
        tests += "*"
    weights = [
        f"{name} {row[f'weight_{name}']:.0%}"
        for name in ("model", "tests", "attribution")
        if row[f"weight_{name}"]
    ]
    verdict = f"[red]{DISAGREE}[/]" if row["sources_disagree"] else ""
    return (
        escape(str(row["channel"])),
        _number(row["model_roi"]), _interval(row, "model"),
        tests, _interval(row, "tests"),
        _number(row["claimed_roi"]), _number(row["attribution_roi"]), _interval(row, "attribution"),
        ", ".join(weights),
        _number(row["weighted_roi"]), _interval(row, "weighted"),
        _number(row["fused_roi"]), _interval(row, "fused"),
        verdict,
    )  # fmt: skip


def _disagreements(table: pd.DataFrame) -> list[Text]:
    rows = table[table["sources_disagree"]]
    return [
        Text.assemble((f"{channel}: ", "red"), verdict, ": look for what is wrong before using either figure")
        for channel, verdict in zip(rows["channel"], rows["verdict"], strict=True)
    ]


def _remarks(found: Reconciliation) -> list[Text]:
    """Footnote of tests that the posterior has seen, and remarks on sources that are shown and not used."""
    lines = []
    if any(test.seen for channel in found.channels for test in channel.tests):
        lines.append(Text("* in the posterior already: compared, and counted no second time", style="dim"))
    sources = source_table(found)
    reports = sources[(sources["kind"] == "report") & (sources["remark"] != "")]
    lines += [Text(f"{row.channel}: {row.source}: {row.remark}", style="dim") for row in reports.itertuples()]
    lines += [
        Text(f"{test_id} is not compared: {why}", style="dim") for test_id, why in found.unused_tests.items()
    ]
    return lines


def _left_out(found: Reconciliation) -> list[Text]:
    """Claims that no channel has, the largest first."""
    rows = found.left_out.sort_values("claimed", ascending=False)
    lines = [
        Text(
            f"claimed for {row.channel} by {row.platform}: {row.claimed:,.0f}, not compared: {row.why}",
            style="dim",
        )
        for row in rows.head(SHOWN).itertuples()
    ]
    if len(rows) > SHOWN:
        lines.append(Text(f"and {len(rows) - SHOWN} more", style="dim"))
    return lines


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}" if abs(value) < 1000 else f"{value:.3g}"


def _interval(row: Mapping[Any, Any], name: str) -> str:
    low, high = row[f"{name}_roi_q05"], row[f"{name}_roi_q95"]
    return "" if math.isnan(low) else f"{_number(low)} to {_number(high)}"
