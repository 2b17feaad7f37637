"""Money and days as a page has them, for a reader who takes them in at a glance: $1.23M, 2 Nov 2026."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date

from mmm_core.budget.change import MOST_DIGITS, figure

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
"""Of currencies that are written before the figure; any other by its code."""

MINUS = "\u2212"
NONE = "\u2013"
"""Of a figure that there is none of."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = ((1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def money(value: float, currency: str, signed: bool = False) -> str:
    """1234567 US dollars as $1.23M; with a plus sign where a change is told."""
    return with_sign(value, lambda size: f"{_symbol(currency)}{short(size)}", signed)


def in_full(value: float, currency: str) -> str:
    """1234567 US dollars as $1,234,567, as sentences have it."""
    return f"{'-' if value < 0 else ''}{_symbol(currency)}{figure(abs(value))}"


def day(value: date) -> str:
    """2026-11-02 as 2 Nov 2026, whatever the machine's language."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def short(size: float) -> str:
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


def with_sign(value: float, written: Callable[[float], str], signed: bool) -> str:
    """A figure whose size is written by a function, its sign before it; a plus sign only where `signed`."""
    if not math.isfinite(value):
        return NONE
    text = written(abs(value))
    if not any(letter in "123456789" for letter in text):
        return text  # nothing has no sign
    return f"{MINUS if value < 0 else '+' if signed else ''}{text}"


def _symbol(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency}\u00a0" if currency else "")
