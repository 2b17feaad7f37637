"""What `mmm calibration` prints: a row a test, a line a channel, and what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.agreement import moves
from mmm_core.agreement.tables import STAGES
from mmm_core.cli.console import INTERVAL, P_VALUE, _Figures
from mmm_core.plots.style import short

if TYPE_CHECKING:
    from mmm_core.agreement.report import CalibrationReport

HEADINGS = {"uncalibrated": "no test", "unseen": "without it", "calibrated": "with all"}


def calibration(report: CalibrationReport) -> RenderableType:
    """The report as a person reads it."""
    columns = [column for stage in STAGES for column in (HEADINGS[stage], INTERVAL, P_VALUE)]
    table = _Figures(
        f"{escape(report.model)}: {moves.summary(report.tests)}", "test", "channels", "measured", "error", *columns,
        text=("channels",),
    )  # fmt: skip
    for row in report.tests.to_dict("records"):
        table.add_row(
            escape(row["test_id"]),
            escape(row["channels"].replace(";", ", ")),
            short(row["measured"]),
            short(row["calibrating_error"]),
            *(cell for stage in STAGES for cell in _said(row, stage)),
        )
    channels = moves.channel_moves(report.roi)
    wide = max(len(move.channel) for move in channels)
    lines = [Text.assemble((f"{move.channel:<{wide}}  ", "bold"), move.words) for move in channels]
    heading = Text(f"\nROI, {report.returns}, before any test -> with all", "bold")
    return Group(table, heading, *lines, *_remarks(report))


def _said(row: Mapping[Any, Any], stage: str) -> tuple[str, str, str]:
    """What a model says of a test, the interval of its result, and how far out what was measured lies."""
    lift, low, high, p_value = (row[f"{stage}_{name}"] for name in ("lift", "low", "high", "p_value"))
    if lift != lift:
        return "unknown", "", ""
    colour = "red" if p_value < 0.01 else "yellow" if p_value < 0.1 else ""
    words = f"{p_value:.2f}" if p_value >= 0.005 else f"{p_value:.0e}"
    return (
        short(lift),
        f"{short(low)} to {short(high)}",
        f"[{colour}]{words}[/]" if colour else words,
    )


def _remarks(report: CalibrationReport) -> list[Text]:
    lines = [Text(f"unforeseen: {words}", style="yellow") for words in moves.unforeseen(report.tests)]
    if unknown := moves.unknown(report.tests):
        words = f"draws cannot be weighted to be without {', '.join(unknown)}: name the weekly table with --table, "
        words += "to fit again without each"
        lines.append(Text(words, style="yellow"))
    return lines
