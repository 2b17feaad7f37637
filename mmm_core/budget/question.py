"""A model's `budget:` section and its posterior as a `Problem`: cells, constraints, objective, goal.

Cells lie as `mmm_core.budget.cell_layout` lays them; new channels come last. Everything is spend over the period, in
the currency of the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.budget.bounds import notes, spend_bounds
from mmm_core.budget.cell_layout import Cell, ChannelBounds, Laid, by_geo, by_pattern, by_week
from mmm_core.budget.constraints import Constraints, Limit
from mmm_core.budget.flighting import Flight
from mmm_core.budget.glance import in_full
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
        laid = by_week(budget, response, posterior, bounds)
    elif budget.by == "geo":
        laid = by_geo(budget, response, posterior, geos, bounds, rise)
    elif budget.patterns:
        laid = by_pattern(budget, response, posterior, bounds, rise)
    else:
        laid = Laid(
            tuple(Cell(channel) for channel in channels), _curves(budget, response, rise, spec.fit.seed), spent,
            bounds.lower, bounds.upper, bounds.floor,
            lower_keys=bounds.lower_keys, upper_keys=bounds.upper_keys,
        )  # fmt: skip
    cells, curves, current, currency = laid.cells, laid.curves, laid.current, spec.calibration.rule.currency
    if long is not None:
        curves = _with_long_effect(curves, long, cells, tuple(response.channels))
    names = tuple(cell.channel for cell in cells)
    limits = [
        _total(budget, total, len(cells), currency),
        *laid.limits,
        *group_limits(budget, names, channels, spent),
    ]
    constraints = Constraints(
        tuple(cell.name for cell in cells), laid.lower, laid.upper, tuple(limits), laid.floor, laid.exclusive,
        laid.lower_keys, laid.upper_keys, currency,
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


def _total(budget: Budget, total: float, cells: int, currency: str) -> Limit:
    name = f"the total of {in_full(total, currency)}"
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
