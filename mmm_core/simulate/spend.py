"""How channels spend: relative weekly paths in the habits of each kind of buying.

A path is positive or zero, has no unit and is averaged to 1 by the caller. All have shape (weeks, geos), start at
`draws.ORIGIN` and are stable by week.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from mmm_core.simulate.draws import ORIGIN, Draws

QUARTER = 13  # weeks in a buying round of flights


def channel_path(draws: Draws, habit: str, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """Relative spend of one channel, shape (weeks, geos).

    Parameters
    ----------
    habit: a key of `HABITS`.
    demand: expected seasonal deviation of revenue as a share, shape (weeks,): budgets follow it to some extent.
    middle: week index at which growing channels are half-way.
    """
    weeks = len(demand)
    path = HABITS[habit](draws, demand, geos, middle)
    national = draws.autoregressive("spend", weeks, 1, persistence=0.7)
    path = path * np.exp(WEEKLY_NOISE[habit] * national)
    if geos > 1:
        local = draws.autoregressive("spend by geo", weeks, geos, persistence=0.6)
        emphasis = draws.generator("geo emphasis").standard_normal(geos)
        path = path * np.exp(0.25 * local + 0.25 * emphasis)
    return path


def _always_on(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """Search: never off, follows demand closely."""
    return np.repeat(np.exp(3.0 * demand)[:, None], geos, axis=1)


def _bursts(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """Paid social: always on, with a two-week promotion somewhere in every six weeks."""
    weeks = len(demand)
    block, position = np.divmod(np.arange(weeks), 6)
    opening = np.floor(draws.uniform("burst opening", weeks) * 5)[block]
    lift = np.exp(0.9 + 0.3 * draws.normal("burst lift", weeks))[block]
    burst = (position >= opening) & (position < opening + 2)
    return np.repeat((np.exp(1.5 * demand) * np.where(burst, lift, 1.0))[:, None], geos, axis=1)


def _growth(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """A young channel: grows threefold over some years; in a panel single geos pause for a week now and then."""
    weeks = len(demand)
    trend = 0.3 + 0.7 * expit((np.arange(weeks) - middle) / 40)
    path = np.repeat((trend * np.exp(1.5 * demand))[:, None], geos, axis=1)
    if geos > 1:
        path = np.where(draws.uniform("pause", weeks, geos) < 0.06, 0.0, path)
    return path


def _quarterly(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """Business audience: the budget is spent towards the end of the quarter and sleeps over Christmas."""
    weeks = len(demand)
    ramp = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(weeks) % QUARTER - 6) / QUARTER)
    mondays = np.datetime64(ORIGIN) + 7 * np.arange(weeks).astype("timedelta64[D]")
    day_of_year = (mondays - mondays.astype("datetime64[Y]")).astype(int)
    asleep = (day_of_year >= 353) | (day_of_year < 1)
    return np.repeat((ramp * np.where(asleep, 0.25, 1.0))[:, None], geos, axis=1)


def _flights(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """TV: one flight of four to seven weeks a quarter, dark between; in a panel one geo in five sits a flight out."""
    weeks = len(demand)
    block, position = np.divmod(np.arange(weeks), QUARTER)
    length = 4 + np.floor(draws.uniform("flight length", weeks) * 4)
    opening = np.floor(draws.uniform("flight opening", weeks) * (QUARTER - length + 1))
    weight = np.exp(0.3 * draws.normal("flight weight", weeks))
    on_air = (position >= opening[block]) & (position < (opening + length)[block])
    path = np.repeat((on_air * weight[block] * np.exp(demand))[:, None], geos, axis=1)
    if geos > 1:
        path = path * (draws.uniform("flight geos", weeks, geos) < 0.8)[block]
    return path


def _posting(draws: Draws, demand: np.ndarray, geos: int, middle: int) -> np.ndarray:
    """Out of home: four-week posting periods, about every second one booked, at least one in four."""
    weeks = len(demand)
    block = np.arange(weeks) // 4
    weight = np.exp(0.35 * draws.normal("posting weight", weeks))[block]
    booked = ((draws.uniform("posting", weeks) < 0.5) | (np.arange(weeks) % 4 == 0))[block]
    path = np.repeat((booked * weight * np.exp(demand))[:, None], geos, axis=1)
    if geos > 1:
        path = path * (draws.uniform("posting geos", weeks, geos) < 0.7)[block]
    return path


Habit = Callable[[Draws, np.ndarray, int, int], np.ndarray]
HABITS: dict[str, Habit] = {
    "always_on": _always_on,
    "bursts": _bursts,
    "growth": _growth,
    "quarterly": _quarterly,
    "flights": _flights,
    "posting": _posting,
}
WEEKLY_NOISE = {
    "always_on": 0.2,
    "bursts": 0.2,
    "growth": 0.3,
    "quarterly": 0.25,
    "flights": 0.15,
    "posting": 0.1,
}
