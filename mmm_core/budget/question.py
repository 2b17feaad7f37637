"""A model's `budget:` section and its posterior as a `Problem`: cells, constraints, objective, goal.

Cells lie channel after channel; with `by: geo` a channel has one for each geo, with `patterns` one for each flighting
to choose from, with `by: week` one for each week. New channels come last. Everything is spend over the period, in the
currency of the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.budget.bounds import notes, spend_bounds
from mmm_core.budget.constraints import Constraints, Limit
from mmm_core.budget.flighting import Flight, flight_of, pattern_curves
from mmm_core.budget.long_effect import LongEffect, long_effect
from mmm_core.budget.new_channel import with_new_channels
from mmm_core.budget.objective import Objective
from mmm_core.budget.problem import Goal, Problem
from mmm_core.budget.response import Curves
from mmm_core.effects.curves import SpendResponse, spend_response
from mmm_core.effects.price_rise import rises
from mmm_core.errors import InputError, nearest
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import outcome_name
from mmm_core.spec.budget_spec import Budget, ObjectiveRule
from mmm_core.spec.currency import another_currency

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

Priced = TypeVar("Priced", Curves, Flight)


@dataclass(frozen=True)
class Cell:
    """What one number of a plan is the spend of: "" or None where that is not decided."""

    channel: str
    geo: str = ""
    week: int | None = None
    pattern: str = ""

    @property
    def name(self) -> str:
        """In messages and tables."""
        parts = [
            self.channel,
            self.geo,
            f"week {self.week + 1}" if self.week is not None else "",
            self.pattern,
        ]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Question:
    """A budget question put to a posterior.

    Attributes:
        budget: as it was asked. problem: what is solved. cells: what each number is of.
        channels: paid channels and new ones. weeks: of the period. outcome: what responses are counted in.
        current: (cell,) spend of the last period. notes: what to know of channels that were off.
        spent: (channel,) spend of the last period.
        response: of the channels with a history to spend, flighted as the last period was, in the short term.
        horizon: short, or long where what media bring by way of the brand counts as well; in words `counted`.
    """

    budget: Budget
    problem: Problem
    cells: tuple[Cell, ...]
    channels: tuple[str, ...]
    weeks: int
    outcome: str
    current: np.ndarray
    spent: np.ndarray
    response: SpendResponse
    notes: tuple[str, ...]
    horizon: str = "short"
    counted: str = ""

    def by_channel(self, values: np.ndarray) -> np.ndarray:
        """Values of cells summed by channel; cells on the last axis."""
        columns = [
            values[..., [i for i, cell in enumerate(self.cells) if cell.channel == channel]].sum(axis=-1)
            for channel in self.channels
        ]
        return np.stack(columns, axis=-1)


@dataclass(frozen=True)
class ChannelBounds:
    """What the keys of a budget together allow each channel and new channel, (channel,) each.

    Attributes:
        lower, upper: spend. floor: least spend of one that may have none; 0 of the others.
        lower_keys, upper_keys: which key states the bound; "" where `bounds` does.
    """

    lower: np.ndarray
    upper: np.ndarray
    floor: np.ndarray
    lower_keys: tuple[str, ...]
    upper_keys: tuple[str, ...]

    def limit(self, i: int, name: str, members: np.ndarray) -> Limit:
        """The same of one channel's cells together: members (cell,) is 1 where the cell is the channel's."""
        return Limit(name, members, self.lower[i], self.upper[i], self.lower_keys[i], self.upper_keys[i])


@dataclass(frozen=True)
class Laid:
    """The cells that a budget decides, with what they bring and what holds of each.

    Attributes:
        curves: what spend brings. current: (cell,) spend of the last period.
        lower, upper, floor: (cell,) spend. limits: on sums. exclusive: cells of which one at most has spend.
        lower_keys, upper_keys: (cell,), as in `ChannelBounds`.
    """

    cells: tuple[Cell, ...]
    curves: Any
    current: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    floor: np.ndarray
    limits: tuple[Limit, ...] = ()
    exclusive: tuple[tuple[int, ...], ...] = ()
    lower_keys: tuple[str, ...] = ()
    upper_keys: tuple[str, ...] = ()


def question(
    tree: xr.DataTree | Posterior, budget: Budget | None = None, long_term: LongTerm | None = None
) -> Question:
    """The problem that a budget asks of a posterior; call inside `jax.enable_x64(True)`.

    Args:
        long_term: of this posterior, for a budget with `horizon: long`; not looked at by others.

    Raises:
        InputError: a channel or geo that the model does not have, another currency, a horizon longer than the data,
            nothing to scale, or `horizon: long` without a long-term posterior that can be planned by.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    budget = budget or spec.budget
    _refuse(budget, posterior)
    response = spend_response(posterior, budget=budget)
    new = tuple(budget.new_channels)
    channels = (*response.channels, *new)
    geos = [str(geo) for geo in posterior.data["geo"].to_numpy()]
    spent = np.concatenate([response.current, np.zeros(len(new))])
    bounds = _channel_bounds(budget, response, spec.model)
    total = budget.total if budget.total is not None else float(response.current.sum())
    if total <= 0:
        raise InputError(
            f"model {spec.model}: no paid channel has spend in the last {plural(response.weeks, 'week')}: there is "
            "nothing to scale; state `budget: total` and bounds in money"
        )
    long = None
    if budget.horizon == "long":
        long = long_effect(long_term, posterior, budget, tuple(response.channels), response.positions)
    rise = rises(budget.price_rise, channels)
    if budget.by == "week":
        laid = _by_week(budget, response, posterior, bounds)
    elif budget.by == "geo":
        laid = _by_geo(budget, response, posterior, geos, bounds, rise)
    elif budget.patterns:
        laid = _by_pattern(budget, response, posterior, bounds, rise)
    else:
        laid = Laid(
            tuple(Cell(channel) for channel in channels), _curves(budget, response, rise, spec.fit.seed), spent,
            bounds.lower, bounds.upper, bounds.floor,
            lower_keys=bounds.lower_keys, upper_keys=bounds.upper_keys,
        )  # fmt: skip
    cells, curves, current = laid.cells, laid.curves, laid.current
    if long is not None:
        curves = _with_long_effect(curves, long, cells, tuple(response.channels))
    names = tuple(cell.channel for cell in cells)
    limits = [_total(budget, total, len(cells)), *laid.limits, *group_limits(budget, names, channels, spent)]
    constraints = Constraints(
        tuple(cell.name for cell in cells), laid.lower, laid.upper, tuple(limits), laid.floor, laid.exclusive,
        laid.lower_keys, laid.upper_keys,
    )  # fmt: skip
    draws = np.asarray(curves.outcome(jnp.asarray(current)))
    problem = Problem(curves, constraints, _objective(budget, draws), _goal(budget, len(cells)), current)
    return Question(
        budget, problem, cells, channels, response.weeks, outcome_name(spec), current, spent, response,
        (*notes(budget, response), *[""] * len(new)), budget.horizon, "" if long is None else long.words,
    )  # fmt: skip


def channel_curves(
    posterior: Posterior, budget: Budget, long_term: LongTerm | None = None, new: bool = False
) -> tuple[SpendResponse, Curves]:
    """What spend of each channel with a history brings as a budget counts it, flighted as the last period was.

    Prices rise with spend, later outcome counts less and the brand's part is added where the budget says so. Call
    inside `jax.enable_x64(True)`.

    Args:
        new: whether the budget's channels without history are there too, as their beliefs have them.

    Returns:
        The response, whose channels are the curves' cells, those without history after them, and the curves.

    Raises:
        InputError: as `question` of horizon and long term.
    """
    response = spend_response(posterior, budget=budget)
    known = tuple(response.channels)
    channels = (*known, *(budget.new_channels if new else ()))
    rise = rises(budget.price_rise, channels)
    asked = budget if new else budget.model_copy(update={"new_channels": {}})
    curves = _curves(asked, response, rise, posterior.spec.fit.seed)
    if budget.horizon == "long":
        long = long_effect(long_term, posterior, budget, known, response.positions)
        curves = _with_long_effect(curves, long, tuple(Cell(channel) for channel in channels), known)
    return response, curves


def _refuse(budget: Budget, posterior: Posterior) -> None:
    """Raise InputError for what the model does not have."""
    spec = posterior.spec
    planned = (*spec.paid, *budget.new_channels)
    for key, names in budget.named_channels.items():
        for name in sorted(set(names) - set(planned)):
            raise InputError(
                f"model {spec.model}: budget.{key} names '{name}', no paid channel: {nearest(name, planned)}"
            )
    geos = [str(geo) for geo in posterior.data["geo"].to_numpy()]
    for name in budget.geos:
        if name not in geos:
            raise InputError(
                f"model {spec.model}: budget.geos names '{name}', no geo of the model: {nearest(name, geos)}"
            )
    if budget.by == "geo" and len(geos) < 2:
        raise InputError(
            f"model {spec.model}: `budget: {{by: geo}}` needs a model of several geos: it has one"
        )
    if budget.by == "geo" and budget.new_channels:
        raise InputError(
            f"model {spec.model}: new_channels have no geos to be planned in: use `by: channel`, or leave them out"
        )
    refuse_currency(budget.currency, posterior, "budget.currency")


def refuse_currency(currency: str | None, posterior: Posterior, key: str) -> None:
    """Raise InputError where money is in another currency than the table's."""
    known = posterior.spec.calibration.rule.currency
    if currency is not None and currency.upper() != known.upper():
        raise InputError(f"model {posterior.spec.model}: {another_currency(key, currency, known)}")


def _channel_bounds(budget: Budget, response: SpendResponse, model: str) -> ChannelBounds:
    """What bounds, change limit, locks, commitments and all or nothing together allow each channel."""
    lower, upper = spend_bounds(budget, response, model)
    new = [rule.bounds.stated[1] for rule in budget.new_channels.values()]
    lower, upper = (
        np.concatenate([bound, [float(ends[i]) for ends in new]]) for i, bound in enumerate((lower, upper))
    )
    names = (*response.channels, *budget.new_channels)
    floor = np.zeros(len(names))
    lower_keys, upper_keys = [""] * len(names), [""] * len(names)
    limit = budget.change_limit
    for i, channel in enumerate(names):
        current = float(response.current[i]) if i < len(response.channels) else None
        if channel in budget.locked:
            assert current is not None  # the specification refuses a new channel that is locked
            _refuse_lock(budget, channel, current, lower[i], upper[i], model)
            lower[i] = upper[i] = current
            lower_keys[i] = upper_keys[i] = "locked"
            continue
        if limit is not None and current is not None:
            if (1 - limit) * current > lower[i]:
                lower[i], lower_keys[i] = (1 - limit) * current, "change_limit"
            if (1 + limit) * current < upper[i]:
                upper[i], upper_keys[i] = (1 + limit) * current, "change_limit"
        committed, least = budget.commitments.get(channel, 0.0), budget.all_or_nothing.get(channel, 0.0)
        if least > 0 and committed <= 0:
            floor[i], lower[i], lower_keys[i] = least, 0.0, ""
        else:  # money that is spent in any case: the channel cannot have none
            for amount, key in ((committed, "commitments"), (least, "all_or_nothing")):
                if amount > lower[i]:
                    lower[i], lower_keys[i] = amount, key
        if max(lower[i], floor[i]) > upper[i] * (1 + 1e-12):
            keys = lower_keys[i], upper_keys[i]
            why = _conflict_of(budget, channel, lower[i], floor[i], upper[i], keys, current)
            raise InputError(f"model {model}: budget: {why}")
    return ChannelBounds(lower, np.maximum(upper, lower), floor, tuple(lower_keys), tuple(upper_keys))


def _refuse_lock(
    budget: Budget, channel: str, current: float, lower: float, upper: float, model: str
) -> None:
    """Raise InputError where a channel is locked at a spend that something else stated of it does not allow."""
    least = max(
        budget.commitments.get(channel, 0.0), budget.all_or_nothing.get(channel, 0.0) if current > 0 else 0.0
    )
    reasons = []
    if least > current * (1 + 1e-9):
        key = "commitments" if channel in budget.commitments else "all_or_nothing"
        reasons.append(f"`{key}` {least:,.0f}")
    if channel in budget.bounds and not lower * (1 - 1e-9) <= current <= upper * (1 + 1e-9):
        reasons.append(f"`bounds` of {lower:,.0f} to {upper:,.0f}")
    if reasons:
        raise InputError(
            f"model {model}: budget: {channel} is `locked` at the {current:,.0f} of the last period, which its "
            f"{' and '.join(reasons)} do not allow: unlock it, or leave them out"
        )


def _conflict_of(
    budget: Budget,
    name: str,
    lower: float,
    floor: float,
    upper: float,
    keys: tuple[str, str],
    current: float | None,
) -> str:
    """Why a channel's least spend is above its most, with the nearest figure that is not.

    Args:
        keys: of the budget that state its lower and upper bound; "" is `bounds`. current: the last period's spend.
    """
    most = f"{upper:,.0f}{f' (`change_limit` {budget.change_limit:g})' if keys[1] == 'change_limit' else ''}"
    if keys[0] == "change_limit" and floor <= upper:
        assert current is not None  # a channel without history has no change
        least = math.ceil(1000 * (1 - upper / current)) / 1000
        return (
            f"`change_limit` {budget.change_limit:g} keeps {name} at {lower:,.0f} at least, above the most that its "
            f"`bounds` allow, {most}: the nearest feasible figure of these is {lower:,.0f}, or a `change_limit` of "
            f"{least:g}"
        )
    reasons = [
        f"`all_or_nothing` {floor:,.0f}" if floor > upper else "",
        f"`commitments` {budget.commitments[name]:,.0f}" if budget.commitments.get(name, 0.0) > upper else "",
    ]
    low = " and ".join(reason for reason in reasons if reason) or f"its lower bound of {lower:,.0f}"
    return (
        f"{low} of {name} is above the most it may have, {most}: the nearest feasible figure is {upper:,.0f}"
    )


def _curves(budget: Budget, response: SpendResponse, rise: np.ndarray, seed: int) -> Curves:
    paid = len(response.channels)
    base = Curves(response.arrays, jnp.asarray(response.unit), jnp.asarray(rise[:paid]))
    return with_new_channels(base, budget.new_channels, rise[paid:], seed)


def _with_long_effect(
    curves: Priced, long: LongEffect, cells: tuple[Cell, ...], channels: tuple[str, ...]
) -> Priced:
    """The curves, or the flight, with the long-term effect of each cell's channel; new channels have none."""
    none = np.zeros(len(long.per_spend))
    columns = [
        long.per_spend[:, channels.index(cell.channel)] if cell.channel in channels else none
        for cell in cells
    ]
    return replace(curves, linear=jnp.asarray(np.stack(columns, axis=1)))


def _total(budget: Budget, total: float, cells: int) -> Limit:
    name = f"the total of {total:,.0f}"
    if budget.goal is None:
        return Limit(name, np.ones(cells), total, total)
    return Limit("the total", np.ones(cells), 0.0, total if budget.total is not None else np.inf)


def group_limits(
    budget: Budget, cells: tuple[str, ...], channels: tuple[str, ...], spent: np.ndarray
) -> list[Limit]:
    """The limits of a budget's groups on cells, each the spend of a channel.

    Args:
        cells: channel of each. channels: all that can be named, and spent: what they cost in the last period.
    """
    out = []
    now = dict(zip(channels, spent, strict=True))
    for name, group in budget.groups.items():
        form, (low, high) = group.bounds.stated
        unit = sum(now[channel] for channel in group.channels) if form == "relative" else 1.0
        members = np.array([float(cell in group.channels) for cell in cells])
        out.append(Limit(f"group {name}", members, low * unit, high * unit))
    return out


def _by_geo(
    budget: Budget,
    response: SpendResponse,
    posterior: Posterior,
    geos: list[str],
    bounds: ChannelBounds,
    rise: np.ndarray,
) -> Laid:
    """A cell a channel and geo. Relative bounds and locks hold for each; all else for the channel's sum."""
    spend = posterior.data["spend"].to_numpy()
    length = spend.shape[1]
    first = length - response.weeks
    ends = np.searchsorted(posterior.data["media_week"].to_numpy(), response.last_week)
    unit = np.stack(
        [spend[:, end - response.weeks + 1 : end + 1, i].sum(axis=1) for i, end in enumerate(ends)]
    )
    current = spend[:, first:, :].sum(axis=1).T
    cells = tuple(Cell(channel, geo) for channel in response.channels for geo in geos)
    low, high, limits, keys = np.zeros(current.shape), np.zeros(current.shape), [], []
    for i, channel in enumerate(response.channels):
        members = np.array([float(cell.channel == channel) for cell in cells])
        form, (least, most) = budget.bounds_of(channel).stated
        if channel in budget.locked:
            low[i] = high[i] = current[i]
        elif form == "relative" and response.current[i] > 0:
            low[i], high[i] = least * current[i], most * current[i]
        else:
            high[i] = np.where(unit[i] > 0, bounds.upper[i], 0.0)
        keys += ["locked" if channel in budget.locked else ""] * len(geos)
        limits.append(bounds.limit(i, f"spend of {channel} over all geos", members))
    for geo, rule in budget.geos.items():
        members = np.array([float(cell.geo == geo) for cell in cells])
        form, (least, most) = rule.stated
        size = float(current[:, geos.index(geo)].sum()) if form == "relative" else 1.0
        limits.append(Limit(f"spend of geo {geo}", members, least * size, most * size))
    curves = Curves(
        response.arrays,
        jnp.asarray(np.where(unit > 0, unit, 1.0).ravel()),
        jnp.asarray(np.repeat(rise, len(geos))),
        by_geo=True,
    )
    return Laid(
        cells, curves, current.ravel(), low.ravel(), high.ravel(), np.zeros(len(cells)), tuple(limits),
        lower_keys=tuple(keys), upper_keys=tuple(keys),
    )  # fmt: skip


def _by_pattern(
    budget: Budget, response: SpendResponse, posterior: Posterior, bounds: ChannelBounds, rise: np.ndarray
) -> Laid:
    """A cell a channel and pattern, one of which has spend; new channels have a cell of their own.

    A locked channel stays in the flighting that it had.
    """
    count, paid = len(budget.patterns), len(response.channels)
    curves = pattern_curves(posterior, response, budget.patterns, rise[:paid])
    curves = with_new_channels(curves, budget.new_channels, rise[paid:], posterior.spec.fit.seed)
    cells = (
        *(Cell(channel, pattern=pattern) for channel in response.channels for pattern in budget.patterns),
        *(Cell(channel) for channel in budget.new_channels),
    )
    exclusive = tuple(tuple(range(i * count, (i + 1) * count)) for i in range(paid))
    chosen = budget.patterns.index("past")

    def of_cells(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.repeat(values[:paid], count), values[paid:]])

    current = np.zeros(len(cells))
    current[[i * count + chosen for i in range(paid)]] = response.current
    lower, upper, floor = (of_cells(values) for values in (bounds.lower, bounds.upper, bounds.floor))
    lower[: paid * count] = 0.0
    limits = []
    for i, channel in enumerate(response.channels):
        if channel in budget.locked:
            others = [i * count + k for k in range(count) if k != chosen]
            upper[others] = 0.0
        if bounds.floor[i] <= 0:
            members = np.array([float(cell.channel == channel) for cell in cells])
            limits.append(bounds.limit(i, f"spend of {channel}", members))
    return Laid(
        cells, curves, current, lower, upper, floor, tuple(limits), exclusive,
        (*[""] * paid * count, *bounds.lower_keys[paid:]),
        (*(key for key in bounds.upper_keys[:paid] for _ in range(count)), *bounds.upper_keys[paid:]),
    )  # fmt: skip


def _by_week(budget: Budget, response: SpendResponse, posterior: Posterior, bounds: ChannelBounds) -> Laid:
    """A cell a channel and week. A channel's bounds hold for its sum; a week may have any of it.

    Raises:
        InputError: a channel that is all or nothing, or one that never had spend and is to have some.
    """
    flight = flight_of(posterior, response)
    weeks = budget.weeks
    current = np.asarray(flight.spent).T.ravel()
    cells = tuple(Cell(channel, week=week) for channel in response.channels for week in range(weeks))
    low, high = np.zeros(len(cells)), np.repeat(bounds.upper, weeks)
    limits, keys = [], []
    for i, channel in enumerate(response.channels):
        members = np.array([float(cell.channel == channel) for cell in cells])
        if channel in budget.all_or_nothing:
            raise InputError(
                f"budget.all_or_nothing: {channel} by week: state it with `by: channel` and lay out the weeks after"
            )
        if response.repeated[i] <= 0:
            _refuse_without_price(channel, float(bounds.lower[i]), posterior.spec.model)
            high[members > 0] = 0.0
        if channel in budget.locked:
            low[members > 0] = high[members > 0] = current[members > 0]
        keys += ["locked" if channel in budget.locked else ""] * weeks
        limits.append(bounds.limit(i, f"spend of {channel} over all weeks", members))
    if budget.weekly is not None:
        form, (least, most) = budget.weekly.stated
        for week in range(weeks):
            members = np.array([float(cell.week == week) for cell in cells])
            size = float(current[members > 0].sum()) if form == "relative" else 1.0
            limits.append(Limit(f"spend of week {week + 1}", members, least * size, most * size))
    return Laid(
        cells, flight, current, low, high, np.zeros(len(cells)), tuple(limits),
        lower_keys=tuple(keys), upper_keys=tuple(keys),
    )  # fmt: skip


def _refuse_without_price(channel: str, least: float, model: str) -> None:
    """Raise InputError where a channel is to have spend, and nothing says what media of it cost."""
    if least > 0:
        raise InputError(
            f"model {model}: budget: {channel} is to have {least:,.0f} at least, and no week of the data has spend on "
            "it: nothing says what its media cost in a week; leave its bounds and commitments out, or plan it as a new "
            "channel under another name"
        )


def _objective(budget: Budget, current: np.ndarray) -> Objective:
    rule = budget.objective
    if not isinstance(rule, ObjectiveRule):
        return Objective()
    if rule.cvar is not None:
        return Objective("cvar", level=rule.cvar.level)
    if rule.mean_risk is not None:
        return Objective("mean_risk", rule.mean_risk.level, rule.mean_risk.weight, rule.mean_risk.risk)
    assert rule.probability is not None
    of = rule.probability.of
    return Objective("probability", reference=current if of == "current" else float(of))


def _goal(budget: Budget, cells: int) -> Goal:
    rule, price = budget.goal, np.ones(cells)
    if rule is None:
        return Goal()
    if rule.profit is not None:
        assert rule.profit.margin is not None  # refused where neither the budget nor the model states one
        return Goal("net", scale=rule.profit.margin, price=price)
    if rule.mroi is not None:
        return Goal("net", price=rule.mroi * price)
    if rule.roi is not None:
        return Goal("return", target=rule.roi, price=price)
    assert rule.outcome is not None
    return Goal("least_spend", target=rule.outcome, price=price)
