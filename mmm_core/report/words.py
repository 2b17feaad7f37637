"""Figures as a reader takes them in at a glance: shares in whole per cent, probabilities never quite sure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mmm_core.budget.change import change_in_words
from mmm_core.budget.glance import MINUS, NONE, money, short, with_sign

MONEY = ("revenue", "profit")
"""Outcomes that are told as money."""


def counted(value: float, outcome: str, currency: str, signed: bool = False) -> str:
    """Outcome: money where it is revenue or profit, else units of the KPI."""
    if outcome in MONEY:
        return money(value, currency, signed)
    return with_sign(value, lambda size: f"{short(size)}\u00a0{outcome}", signed)


def figure(value: float, digits: int = 3) -> str:
    """A plain number of few digits, such as a return."""
    if not math.isfinite(value):
        return NONE
    if value and not 1e-3 <= abs(value) < 1000:
        return with_sign(value, short, False) if value >= 1 or value <= -1 else f"{value:.{digits - 1}g}"
    decimals = max(digits - 1 - (math.floor(math.log10(abs(value))) if value else 0), 0)
    return f"{value:.{min(decimals, digits - 1)}f}".replace("-", MINUS)


def between(low: str, high: str) -> str:
    """An interval."""
    return NONE if NONE in (low, high) else f"{low} to {high}"


def share(value: float, signed: bool = False) -> str:
    """.304 as 30%."""
    return with_sign(100 * value, lambda size: f"{size:.0f}%", signed)


def probability(value: float) -> str:
    """A probability in per cent, never quite 0 or 100."""
    if not math.isfinite(value):
        return NONE
    if value > 0.99:
        return "over 99%"
    return "under 1%" if value < 0.01 else f"{value:.0%}"


def change_of(current: float, recommended: float) -> str:
    """A change of spend in per cent, 0% where it rounds to none; in words where nothing was spent."""
    words = change_in_words(current, recommended).replace("-", MINUS)
    return "0%" if words in ("+0%", f"{MINUS}0%") else words


def enumeration(items: Sequence[str], most: int = 4, comma: str = ", ") -> str:
    """First, second and third; what is beyond `most` is counted."""
    shown, rest = list(items[:most]), len(items) - most
    if rest > 0:
        shown.append(f"{rest} more")
    return (
        shown[0]
        if len(shown) == 1
        else f"{comma.join(shown[:-1])}{comma if comma != ', ' else ' and '}{shown[-1]}"
    )


def plain(message: object) -> str:
    """A finding for readers who know no YAML: its keys in quotes, on one line."""
    return " ".join(re.sub(r"`([^`]*)`", "\u2018\\1\u2019", str(message)).split())
