"""What `mmm evidence` prints: a row a test, and beneath it why a test does not calibrate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from mmm_core.cli.console import _Figures, share

if TYPE_CHECKING:
    from mmm_core.evidence.scorecard import Scorecard, ScoredTest

COLOURS = {"approved": "green", "needs review": "yellow", "rejected": "red"}


def scorecard(card: Scorecard) -> RenderableType:
    """The scorecard of a model's tests."""
    title = f"Lift tests of {escape(card.model)} as of {card.as_of}: {card.words}"
    table: RenderableType = Text.from_markup(title, style="bold", emoji=False)
    if card.tests:
        table = _scores(card.tests, title)
    reasons = [
        Text.assemble((f"{scored.test_id}: ", COLOURS[scored.status]), "; ".join(scored.reasons))
        for scored in card.tests
        if scored.reasons
    ]
    unseen = [
        Text(f"{test_id}: reported after the as-of week, not seen", style="dim") for test_id in card.unseen
    ]
    return Group(table, *reasons, *unseen)


def _scores(tests: Sequence[ScoredTest], title: str) -> _Figures:
    table = _Figures(
        title, "test", "status", "channels", "until",
        "incremental", "error", "calibrates with", "weight", "power", "weeks since", "spend ratio", "decided by",
        text=("status", "channels", "decided by"),
    )  # fmt: skip
    for scored in tests:
        table.add_row(*_cells(scored))
    return table


def _cells(scored: ScoredTest) -> tuple[str, ...]:
    test, figures = scored.test, scored.scores
    colour = COLOURS[scored.status]
    return (
        escape(scored.test_id),
        f"[{colour}]{scored.status}[/]",
        escape(", ".join(test.channels)) if test else "",
        str(test.end) if test else "",
        f"{test.incremental:,.0f}" if test else "",
        f"{test.standard_error:,.0f}" if test else "",
        f"{weighed.standard_error:,.0f}" if (weighed := scored.weighed) else "",
        share(figures.weight) if figures else "",
        f"{figures.power:.1f}" if figures else "",
        f"{figures.weeks_since:.0f}" if figures else "",
        f"{figures.spend_ratio:.2f}" if figures else "",
        escape(scored.approval.by) if scored.approval else "",
    )
