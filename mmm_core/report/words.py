"""Figures as a reader takes them in at a glance: money in short, shares in whole per cent, days written out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date

from mmm_core.budget.change import MOST_DIGITS, change_in_words

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
"""Of currencies that are written before the figure; any other by its code."""

MINUS = "\u2212"
MONEY = ("revenue", "profit")
"""Outcomes that are told as money."""
NONE = "\u2013"
"""Of a figure that there is none of."""


def money(value: float, currency: str, signed: bool = False) -> str:
    """1234567 US dollars as $1.23M; with a plus sign where a change is told."""
    return _amount(value, lambda size: f"{_symbol(currency)}{_short(size)}", signed)


def counted(value: float, outcome: str, currency: str, signed: bool = False) -> str:
    """Outcome: money where it is revenue or profit, else units of the KPI."""
    if outcome in MONEY:
        return money(value, currency, signed)
    return _amount(value, lambda size: f"{_short(size)}\u00a0{outcome}", signed)


def figure(value: float, digits: int = 3) -> str:
    """A plain number of few digits, such as a return."""
    if not math.isfinite(value):
        return NONE
    if value and not 1e-3 <= abs(value) < 1000:
        return _amount(value, _short, False) if value >= 1 or value <= -1 else f"{value:.{digits - 1}g}"
    decimals = max(digits - 1 - (math.floor(math.log10(abs(value))) if value else 0), 0)
    return f"{value:.{min(decimals, digits - 1)}f}".replace("-", MINUS)


def between(low: str, high: str) -> str:
    """An interval."""
    return NONE if NONE in (low, high) else f"{low} to {high}"


def share(value: float, signed: bool = False) -> str:
    """.304 as 30%."""
    return _amount(100 * value, lambda size: f"{size:.0f}%", signed)


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


def day(value: date) -> str:
    """2026-11-02 as 2 Nov 2026, whatever the machine's language."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


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


def plural(count: int, what: str) -> str:
    """3 tests, 1 test."""
    return f"{count} {what}{'' if count == 1 else 's'}"


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _symbol(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency}\u00a0" if currency else "")


UNITS = ((1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def _short(size: float) -> str:
    """Three digits, the same number of them in every row of a table: 19 million as 19.0M."""
    if size >= MOST_DIGITS:
        return f"{size:.3g}"
    for place, (unit, name) in enumerate(UNITS):
        # what rounds up to a thousand of a unit is one of the next
        if size >= 0.9995 * unit or place == len(UNITS) - 1:
            value = size / unit
            decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
            if not name and value == round(value):
                decimals = 0
            return f"{value:.{decimals}f}{name}"
    raise AssertionError


def _amount(value: float, written: Callable[[float], str], signed: bool) -> str:
    if not math.isfinite(value):
        return NONE
    text = written(abs(value))
    if not any(letter in "123456789" for letter in text):
        return text  # nothing has no sign
    return f"{MINUS if value < 0 else '+' if signed else ''}{text}"
