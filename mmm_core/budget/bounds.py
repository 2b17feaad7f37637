"""Bounds of a budget in money, what they mean for a channel that was off, and which of them no plan can meet."""

from __future__ import annotations

import numpy as np

from mmm_core.effects.curves import SpendResponse, was_off
from mmm_core.errors import InputError, nearest
from mmm_core.plural import plural
from mmm_core.spec.budget_spec import DEFAULT, Budget

LONGEST = 104
"""Weeks that a period may have."""


def spend_bounds(budget: Budget, response: SpendResponse, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Least and most spend of each channel, (channel,).

    Raises:
        InputError: a bound that names no paid channel.
    """
    for name in sorted(set(budget.bounds) - set(response.channels) - {DEFAULT}):
        raise InputError(
            f"model {model}: budget bounds name '{name}', no paid channel: {nearest(name, response.channels)}"
        )
    bounds = np.empty((len(response.channels), 2))
    for i, channel in enumerate(response.channels):
        form, numbers = budget.bounds_of(channel).stated
        bounds[i] = np.array(numbers) * (response.current[i] if form == "relative" else 1.0)
    return bounds[:, 0], bounds[:, 1]


def notes(budget: Budget, response: SpendResponse) -> list[str]:
    """What to know of each channel that had no spend in the last comparable period; "" of the others."""
    return [_note(budget, response, i) if off else "" for i, off in enumerate(response.off)]


def _note(budget: Budget, response: SpendResponse, i: int, missing: float = 0.0) -> str:
    """Why a channel that was off gets what it gets; where spend is `missing`, only what surely makes room for it."""
    channel, weeks = response.channels[i], response.weeks
    form, (low, high) = budget.bounds_of(channel).stated
    if form == "relative":
        of_default = "" if channel in budget.bounds else f" (`{DEFAULT}`)"
        return (
            f"{channel} had no spend in the last {plural(weeks, 'week')}: its bounds [{low:g}, {high:g}]{of_default} "
            f"are relative to that and allow 0; {_remedy(response, i, missing)}"
        )
    return was_off(channel, weeks, response.last_week[i])


def _remedy(response: SpendResponse, i: int, missing: float) -> str:
    """How a channel that was off can be planned."""
    channel, since = response.channels[i], int(response.weeks_since[i])
    example = _round(max(response.repeated[i], missing))
    money = f"bound it in money, `bounds: {{{channel}: {{spend: [0, {example:.0f}]}}}}`"
    if missing or since > LONGEST or since > response.weeks_of_data:
        return money
    return f"{money}, or plan {plural(since, 'week')} or more (`budget: weeks`), which hold some of its spend"


def _round(spend: float) -> float:
    """Up to one digit, as an example."""
    digits = 10 ** np.floor(np.log10(max(spend, 1.0)))
    return float(np.ceil(spend / digits) * digits)


def refuse_infeasible(
    lower: np.ndarray, upper: np.ndarray, budget: Budget, response: SpendResponse, model: str
) -> None:
    """Raise InputError, naming the fewest bounds that conflict, when no plan within them adds up to the total."""
    spent = float(response.current.sum())
    if budget.total is None and spent <= 0:
        raise InputError(
            f"model {model}: no paid channel has spend in the last {plural(response.weeks, 'week')}: there is nothing "
            "to scale; plan a longer period (`budget: weeks`), or state the total (`budget: total`) and bounds in "
            "money (`bounds: {channel: {spend: [0, 1000]}}`)"
        )
    total = spent if budget.total is None else budget.total
    what = f"the total of {total:,.0f}" + (
        f" (what the last {plural(response.weeks, 'week costs', 'weeks cost')}; `budget: total` states another)"
        if budget.total is None
        else ""
    )
    slack = 1e-9 * total
    if total > upper.sum() + slack:
        raise InputError(
            f"model {model}: {what} cannot be spent: the channels' upper bounds add up to {upper.sum():,.0f} "
            f"({_parts(upper, response, range(len(upper)))}): "
            + _more_room(budget, response, total - upper.sum())
        )
    if total < lower.sum() - slack:
        fewest = _fewest_above(lower, total)
        several = len(fewest) > 1
        raise InputError(
            f"model {model}: {what} is less than the bounds allow: the lower bound{'s' * several} of "
            f"{_parts(lower, response, fewest)} "
            + (f"add up to {lower[fewest].sum():,.0f}" if several else "alone is more")
            + f": raise the total or lower {'one of them' if several else 'it'}"
        )


def _fewest_above(lower: np.ndarray, total: float) -> list[int]:
    """The fewest channels whose lower bounds exceed the total: the largest ones."""
    largest = np.argsort(-lower, kind="stable")
    count = int(np.searchsorted(np.cumsum(lower[largest]), total, side="right")) + 1
    return [int(channel) for channel in largest[:count]]


def _parts(bounds: np.ndarray, response: SpendResponse, channels: range | list[int]) -> str:
    return ", ".join(f"{response.channels[i]} {bounds[i]:,.0f}" for i in channels)


def _more_room(budget: Budget, response: SpendResponse, missing: float) -> str:
    """What would let a larger total be spent; a relative bound of a channel that was off does not."""
    stuck = [
        i
        for i, channel in enumerate(response.channels)
        if response.off[i] and budget.bounds_of(channel).stated[0] == "relative"
    ]
    free = [channel for i, channel in enumerate(response.channels) if i not in stuck]
    words = "lower the total" + (f", or raise the upper bound of {' or '.join(free)}" if free else "")
    return "; ".join([words, *(_note(budget, response, i, missing) for i in stuck)])
