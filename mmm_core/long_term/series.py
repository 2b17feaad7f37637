"""The weekly series of a vector autoregression: what it explains, what it is given, and what is refused.

    y_t = c + sum_{l=1..p} A_l y_{t-l} + sum_{l=0..q} B_l x_{t-l} + D d_t + e_t,    e_t ~ N(0, Sigma)

y are the variables (base sales, awareness, ...), x media, d further deterministic terms (a trend, waves, steps). A
variable may be known as draws, one path a draw: the first stage's uncertainty. Variables named in `differenced` have a
unit root: their weekly change is what the model explains, so that an effect on the change is a permanent one on the
level.

The first rows wait for their lags. No lag is ever filled in: a zero in the place of an unknown past is a fall to zero
and a recovery that nobody saw, and the recovery is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.plural import plural

INTERCEPT = "intercept"
ALIKE = 1 - 1e-9
"""Two series whose correlation is above are copies of one another."""
NO_PART = 1e-3
"""Weight below which a series has no part in a sum."""

FEWEST_ZEROS, FEWEST_ALIKE = 2, 4
"""First weeks of 0, or of another number, from which a past looks filled in."""


class Layout(NamedTuple):
    """Sizes of a vector autoregression, and where its regressors stand."""

    variables: int  # n
    lags: int  # p
    channels: int  # m
    media_lags: int  # q: media of the week itself and of q weeks before
    terms: int  # the intercept and further deterministic terms

    @property
    def media_columns(self) -> int:
        """Regressors that are media."""
        return self.channels * (self.media_lags + 1)

    @property
    def regressors(self) -> int:
        """K: lags of the variables (lag 1 first), media (lag 0 first), intercept, further terms."""
        return self.variables * self.lags + self.media_columns + self.terms

    @property
    def media(self) -> slice:
        """Where media stand."""
        first = self.variables * self.lags
        return slice(first, first + self.media_columns)

    @property
    def deterministic(self) -> slice:
        """Where the intercept and the terms after it stand."""
        return slice(self.media.stop, self.regressors)


class Regression(NamedTuple):
    """The same as a regression; with draws on a leading axis where the variables have them."""

    layout: Layout
    outcome: np.ndarray  # Y, (..., row, variable)
    regressors: np.ndarray  # X, (..., row, K)
    start: int  # position of the first row's week


@dataclass(frozen=True)
class Series:
    """What a vector autoregression is fitted on.

    Attributes:
        variables, channels, terms: names; `terms` without the intercept.
        observed: (week, variable) or (draw, week, variable), as given.
        modelled: the same, differenced where asked: then without the first week.
        media: (media_week, channel), from `history` weeks before the first modelled week to the last.
        deterministic: (week, term), of the modelled weeks.
        weeks: of `modelled`, datetime64.
        differenced: the variables whose change is modelled.
    """

    variables: tuple[str, ...]
    channels: tuple[str, ...]
    terms: tuple[str, ...]
    observed: np.ndarray
    modelled: np.ndarray
    media: np.ndarray
    history: int
    deterministic: np.ndarray
    weeks: np.ndarray
    differenced: tuple[str, ...]

    @property
    def drawn(self) -> int:
        """Number of draws of the variables, 0 where they are known."""
        return len(self.modelled) if self.modelled.ndim == 3 else 0

    @property
    def is_differenced(self) -> np.ndarray:
        """(variable,), whether its change is modelled."""
        return np.array([name in self.differenced for name in self.variables])

    def some(self, draws: slice) -> Series:
        """The same for some of the draws."""
        return replace(self, modelled=self.modelled[draws], observed=self.observed[draws])

    def with_terms(self, terms: pd.DataFrame | None) -> Series:
        """The same with other deterministic terms; argument and errors of `series`."""
        names, values, _ = _aligned(terms, pd.DatetimeIndex(self.weeks), "terms")
        return replace(self, terms=names, deterministic=values[-len(self.weeks) :])

    def layout(self, lags: int, media_lags: int) -> Layout:
        """Sizes with so many lags."""
        return Layout(len(self.variables), lags, len(self.channels), media_lags, 1 + len(self.terms))

    def first_row(self, lags: int, media_lags: int) -> int:
        """Position of the first week all of whose lags are known."""
        return max(lags, media_lags - self.history)

    def regression(self, lags: int, media_lags: int = 0, start: int | None = None) -> Regression:
        """Outcome and regressors.

        Args:
            lags: p, 1 or more. media_lags: q, 0 or more.
            start: position of the first row's week; by default the first whose lags are known.

        Raises:
            InputError: fewer rows than regressors of an equation.
        """
        layout = self.layout(lags, media_lags)
        first = self.first_row(lags, media_lags)
        start = first if start is None else start
        if lags < 1 or media_lags < 0 or start < first:
            raise InputError(f"lags must be 1 or more and media_lags 0 or more, got {lags} and {media_lags}")
        weeks = len(self.weeks)
        if weeks - start <= layout.regressors:
            raise InputError(
                f"{plural(max(weeks - start, 0), 'week is', 'weeks are')} left after the lags, for "
                f"{plural(layout.regressors, 'coefficient')} an equation ({plural(lags, 'lag')} of "
                f"{plural(layout.variables, 'variable')}, {layout.media_columns} of media, "
                f"{plural(layout.terms, 'term')} with the intercept): take fewer lags, fewer channels or more weeks"
            )
        lead = self.modelled.shape[:-2]
        blocks = [self.modelled[..., start - lag : weeks - lag, :] for lag in range(1, lags + 1)]
        fixed = [
            self.media[self.history + start - lag : self.history + weeks - lag]
            for lag in range(media_lags + 1)
        ]
        fixed += [np.ones((weeks - start, 1)), self.deterministic[start:]]
        given = np.concatenate(fixed, axis=1)
        blocks.append(np.broadcast_to(given, (*lead, *given.shape)))
        return Regression(layout, self.modelled[..., start:, :], np.concatenate(blocks, axis=-1), start)


def series(
    variables: pd.DataFrame | xr.DataArray,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    differenced: tuple[str, ...] = (),
) -> Series:
    """Check and line up the series of a vector autoregression.

    Args:
        variables: a column a variable, indexed by week (in a row, seven days apart); or a DataArray (week, variable)
            or (draw, week, variable).
        media: a column a channel, indexed by week. It must cover the weeks of `variables`; weeks before them serve as
            lags.
        terms: deterministic terms beside the intercept, indexed by week.
        differenced: variables with a unit root, of which the weekly change is modelled.

    Raises:
        InputError: weeks missing, doubled or out of order, values that are no numbers, a constant series, two that
            are copies, zeros in the place of an unknown past.
    """
    frame = _labelled(variables)
    names = tuple(str(name) for name in frame["variable"].to_numpy())
    weeks = _weeks(pd.DatetimeIndex(frame["week"].to_numpy()), "the variables")
    observed = np.asarray(frame.to_numpy(), dtype=float)
    unknown = [name for name in differenced if name not in names]
    if unknown:
        raise InputError(f"differenced names {listed(unknown)}, which is no variable: known: {listed(names)}")
    _check_values(observed, names, weeks, "variable")
    _check_start(observed, names)
    modelled = observed
    if differenced:
        changes = np.diff(observed, axis=-2)
        moved = np.array([name in differenced for name in names])
        modelled = np.where(moved, changes, observed[..., 1:, :])
        weeks = weeks[1:]
        _check_values(modelled, names, weeks, "change of variable")
    channels, exposure, history = _aligned(media, weeks, "media")
    return Series(
        variables=names,
        channels=channels,
        terms=(),
        observed=observed,
        modelled=modelled,
        media=exposure,
        history=history,
        deterministic=np.zeros((len(weeks), 0)),
        weeks=weeks.to_numpy(),
        differenced=tuple(differenced),
    ).with_terms(terms)


def _labelled(variables: pd.DataFrame | xr.DataArray) -> xr.DataArray:
    if isinstance(variables, pd.DataFrame):
        return xr.DataArray(
            variables.to_numpy(dtype=float),
            dims=("week", "variable"),
            coords={
                "week": pd.DatetimeIndex(variables.index).to_numpy(),
                "variable": [str(c) for c in variables.columns],
            },
        )
    order = ("draw", "week", "variable") if "draw" in variables.dims else ("week", "variable")
    if set(variables.dims) != set(order):
        raise InputError(
            f"variables have the dimensions {listed(variables.dims)}: they need week and variable, and may have draw"
        )
    return variables.transpose(*order)


def _weeks(weeks: pd.DatetimeIndex, whose: str) -> pd.DatetimeIndex:
    steps = np.diff(weeks.to_numpy()) / np.timedelta64(7, "D")
    if len(weeks) < 2:
        raise InputError(f"{whose} have {plural(len(weeks), 'week')}: a vector autoregression needs many")
    if (steps <= 0).any():
        at_fault = weeks[1:][steps <= 0]
        raise InputError(
            f"weeks of {whose} are doubled or out of order at {_days(at_fault)}: sort them, one row each"
        )
    if (steps != 1).any():
        at_fault = weeks[1:][steps != 1]
        raise InputError(
            f"weeks of {whose} are not seven days apart before {_days(at_fault)}: give every week, once. A survey "
            "asked less often goes to `mmm bvar --posterior --brand` as it is (in Python its weeks are estimated by "
            "mmm_core.long_term.survey.weekly_states)"
        )
    return weeks


def _check_values(values: np.ndarray, names: tuple[str, ...], weeks: pd.DatetimeIndex, kind: str) -> None:
    """Refuse what is no number, what does not vary and what is there twice; `values` (..., week, series)."""
    flat = values.reshape(-1, *values.shape[-2:])
    for position, name in enumerate(names):
        missing = ~np.isfinite(flat[..., position]).all(axis=0)
        if missing.any():
            raise InputError(
                f"{kind} '{name}' has no number in {plural(int(missing.sum()), 'week')} ({_days(weeks[missing])}): "
                "nothing is filled in here. Give a survey to `mmm bvar --posterior --brand` as it is (in Python its "
                "weeks are estimated by mmm_core.long_term.survey.weekly_states), or leave them out at either end"
            )
    spread = np.ptp(flat, axis=1).max(axis=0)
    constant = [name for name, width in zip(names, spread, strict=True) if width == 0]
    if constant:
        raise InputError(
            f"{kind} {listed(constant)} never changes: leave it out, nothing can be learnt of it"
        )
    largest = np.maximum(np.abs(flat).max(axis=1, keepdims=True), np.finfo(float).tiny)
    unit = flat / largest  # squares of very small numbers would be 0
    unit -= unit.mean(axis=1, keepdims=True)
    unit /= np.maximum(np.sqrt((unit**2).sum(axis=1, keepdims=True)), np.finfo(float).tiny)
    alike = np.abs(np.einsum("dti,dtj->dij", unit, unit)).min(axis=0)
    for i, j in zip(*np.nonzero(np.triu(alike, 1) > ALIKE), strict=True):
        raise InputError(f"{kind} '{names[j]}' is a copy of '{names[i]}' up to scale: leave one of them out")
    if kind == "variable" and len(names) > 2 and flat.shape[1] > len(names):
        _, sizes, mixes = np.linalg.svd(unit, full_matrices=False)
        if (sizes[:, -1] ** 2).max() < 1 - ALIKE:  # in every draw
            parts = [name for name, part in zip(names, mixes[0, -1], strict=True) if abs(part) > NO_PART]
            raise InputError(
                f"variables {listed(parts)} add up: each of them is made of the others, without any noise: leave one "
                "of them out"
            )


def _check_start(values: np.ndarray, names: tuple[str, ...]) -> None:
    """Refuse a past that was made up: a number that stands still before a series that never does so afterwards."""
    flat = values.reshape(-1, *values.shape[-2:])
    for position, name in enumerate(names):
        same = (flat[:, 1:, position] == flat[:, :-1, position]).all(axis=0)
        filled = 1 + int(np.argmin(same)) if not same.all() else 1
        zeros = bool((flat[:, 0, position] == 0).all())
        if filled < (FEWEST_ZEROS if zeros else FEWEST_ALIKE):
            continue
        later = (
            (flat[:, filled:, position] == 0).all(axis=0).any()
            if zeros
            else _longest(same[filled:]) + 1 >= filled
        )
        if not later:
            what = "0" if zeros else f"{flat[0, 0, position]:g}"
            why = (
                "zeros in the place of an unknown past are fitted as a recovery"
                if zeros
                else "a number in the place of an unknown past is fitted as one that stood still"
            )
            raise InputError(
                f"variable '{name}' is {what} in its first {plural(filled, 'week')} and never again: {why}. Start "
                "the table after them"
            )


def _longest(true: np.ndarray) -> int:
    """Length of the longest run of True."""
    ends = np.flatnonzero(~np.concatenate([[False], true, [False]]))
    return int(np.diff(ends).max(initial=1)) - 1


def _aligned(
    frame: pd.DataFrame | None, weeks: pd.DatetimeIndex, kind: str
) -> tuple[tuple[str, ...], np.ndarray, int]:
    """Names, values up to the last week of `weeks`, and how many weeks there are before the first."""
    if frame is None or frame.shape[1] == 0:
        return (), np.zeros((len(weeks), 0)), 0
    index = _weeks(pd.DatetimeIndex(frame.index), kind)
    missing = weeks.difference(index)
    if len(missing):
        raise InputError(f"{kind} lack {plural(len(missing), 'week')} of the variables ({_days(missing)})")
    used = index <= weeks[-1]
    names = tuple(str(name) for name in frame.columns)
    values = frame.to_numpy(dtype=float)[used]
    _check_values(values, names, index[used], "channel" if kind == "media" else "term")
    return names, values, int((index < weeks[0]).sum())


def _days(weeks: Any) -> str:
    return listed(np.datetime_as_string(pd.DatetimeIndex(weeks).to_numpy(), "D"))
