"""What each column is taken for, and why: by its name, and by its values where they contradict the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.first_model import words
from mmm_core.first_model.columns import ColumnValues

LEFT_OUT = "left out"
NOT_LANDED = "`landing/weekly_tables` leaves it out"
TEXT = f"text: {NOT_LANDED}"
UNKNOWN = "unknown"
"""Role of a column of numbers whose name says nothing; what becomes of it depends on the others."""


@dataclass(frozen=True)
class Guess:
    """What a column is taken for.

    Attributes:
        role: kpi money, kpi count, kpi, revenue per unit, spend, exposure, clicks, reach, frequency, organic, control,
            treatment, event, population, unknown or left out.
        why: the reason, in a few words.
    """

    column: str
    role: str
    why: str


def guesses(columns: Mapping[str, ColumnValues]) -> dict[str, Guess]:
    """A guess for every column of a table that is not part of its frame."""
    counted = {name for name, column in columns.items() if column.is_number}
    return {name: _guess(column, counted) for name, column in columns.items()}


def _guess(column: ColumnValues, numeric: set[str]) -> Guess:
    name, named = column.name, words.tokens(column.name)

    def role(what: str, why: str) -> Guess:
        return Guess(name, what, why)

    if column.kind == "text":
        if len(column.unread):
            return role(LEFT_OUT, "numbers in some rows, and no numbers in others")
        if words.has(named, words.EVENT) and not column.constant:
            return role("event", "names of events, which a model has by their dates")
        return role(LEFT_OUT, TEXT)
    if column.kind == "day":
        return role(LEFT_OUT, f"days, and not the week: {NOT_LANDED}")
    if not column.is_number:
        return role(LEFT_OUT, "no value at all")
    if words.has(named, words.POPULATION):
        return role("population", "named as one")
    if column.constant:
        return role(LEFT_OUT, f"never changes ({column.known[0]:.6g} in every row)")
    if words.has(named, words.SEASON):
        return role(LEFT_OUT, "a season, of which the model has its own")
    if words.has(named, words.HOLIDAY):
        return role("control", "a holiday")
    if set(named) <= words.CALENDAR | {"in", "of"} or (column.counts_up and words.has(named, words.CALENDAR)):
        return role(LEFT_OUT, "follows from the date, as the model's own level and season do")
    if column.counts_up:
        return role(LEFT_OUT, "counts its rows")
    return _by_name(column, named, numeric)


def _by_name(column: ColumnValues, named: tuple[str, ...], numeric: set[str]) -> Guess:
    name, ending = column.name, words.ending(column.name)

    def role(what: str, why: str) -> Guess:
        return Guess(name, what, why)

    if words.has(named, words.COMPETITOR):
        return role("control", "what others do")
    if column.indicator and words.has(named, words.EVENT):
        return role("event", "1 in its weeks")
    if words.has(named, words.PRICE_OF_UNIT) or ("per" in named and words.has(named, words.VALUE)):
        return role("revenue per unit", "named as what a unit is worth")
    counts = [
        other
        for other in numeric
        if name.startswith(f"{other}_") and words.has(words.tokens(other), words.COUNTS)
    ]
    if counts and words.has(named, words.VALUE):
        return role("kpi money", f"the value of {max(counts, key=len)}")
    for vocabulary, what in ((words.REACH, "reach"), (words.FREQUENCY, "frequency")):
        if words.has(named, vocabulary):
            return role(what, "named as it")
    if ending == "spend" or (words.has(named, words.SPEND) and not words.has(named, words.NO_SPEND)):
        return (
            role("spend", "named as spend")
            if column.never_negative
            else role(
                LEFT_OUT,
                f"named as spend, and below 0 in some week ({column.known.min():.6g}): book refunds in their week",
            )
        )
    if words.has(named, words.TREATMENT):
        return role("treatment", "a lever that is not media")
    if _is_traffic(named, ending):
        return role(
            LEFT_OUT, "traffic of the site: media bring it, so as a control it would take their credit"
        )
    if words.has(named, words.ORGANIC) and column.never_negative:
        return role("organic", "media that nobody is paid for")
    if ending == "exposure" or words.has(named, words.EXPOSURE):
        return role("exposure", "named as exposure")
    if ending == "clicks" or words.has(named, words.CLICKS):
        return role("clicks", "named as clicks")
    if words.has(named, words.CONTROL):
        return role("control", "moves the KPI, and is nobody's lever")
    if column.never_negative:
        for vocabulary, what in (
            (words.MONEY, "kpi money"),
            (words.COUNTS, "kpi count"),
            (words.OUTCOME, "kpi"),
        ):
            if words.has(named, vocabulary):
                return role(what, "named as an outcome")
    if words.has(named, words.MEDIA) and column.never_negative:
        return role("spend", "named as media, and never below 0")
    return role(UNKNOWN, "its name says nothing known")


def named_as_outcome(name: str) -> bool:
    """Whether a name is of a result of the business, as far as a name says."""
    return any(words.has(words.tokens(name), known) for known in (words.MONEY, words.COUNTS, words.OUTCOME))


def _is_traffic(named: tuple[str, ...], ending: str) -> bool:
    """Whether a name is of visits that come by themselves: clicks of a kind that nobody pays for, or visits at all."""
    visits = words.has(named, words.TRAFFIC - words.ORGANIC) and not words.has(named, words.EXPOSURE)
    clicks = words.has(named, words.CLICKS) or ending == "clicks"
    return visits or (clicks and words.has(named, words.TRAFFIC))


def chosen_kpi(found: Mapping[str, Guess]) -> list[str]:
    """Columns that may be the KPI, the best first: money before counts, all before a part."""
    rank = {"kpi money": 0, "kpi count": 1, "kpi": 2}

    def order(name: str) -> tuple[int, int, int]:
        named = words.tokens(name)
        return rank[found[name].role], words.has(named, words.PART), not words.has(named, words.WHOLE)

    return sorted((name for name, guess in found.items() if guess.role in rank), key=order)


def moves_with(kpi: np.ndarray, other: np.ndarray) -> float:
    """Correlation of the weekly changes of two series, nan where one never changes."""
    known = np.isfinite(kpi) & np.isfinite(other)
    first, second = np.diff(kpi[known]), np.diff(other[known])
    if len(first) < 8 or first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def media_by_values(columns: Mapping[str, ColumnValues], found: Mapping[str, Guess]) -> list[str]:
    """Columns of unknown name that may be media: never below 0, of many values, no counter."""
    return [
        name
        for name, guess in found.items()
        if guess.role == UNKNOWN
        and columns[name].never_negative
        and not columns[name].indicator
        and pd.Series(columns[name].known).nunique() >= 10
    ]
