"""Weeks on a fixed calendar, and random numbers that belong to a week rather than to a run.

Every random path of the sample world is drawn from `ORIGIN` onwards and cut to the weeks that are asked for. The
value of a week therefore depends on the seed, the name of the path and the week alone: a world that ends one week later
has the same past.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass

import numpy as np

from mmm_core.errors import InputError

ORIGIN = dt.date(2000, 1, 3)  # a Monday; no simulated week lies before it


def week_index(day: dt.date) -> int:
    """Number of the ISO week that holds `day`, counted from `ORIGIN`."""
    return (day - ORIGIN).days // 7


def week_start(index: int) -> dt.date:
    """Monday of week `index`."""
    return ORIGIN + dt.timedelta(weeks=index)


def last_complete_week(end: dt.date) -> int:
    """Index of the last ISO week (Monday to Sunday) that is over before `end` begins.

    Raises InputError when `end` is no date.
    """
    return week_index(check_day("end", end)) - 1


def check_day(name: str, day: dt.date) -> dt.date:
    """The day, refused with InputError unless it is a date (a datetime counts as its day)."""
    if isinstance(day, dt.datetime):
        return day.date()
    if not isinstance(day, dt.date):
        raise InputError(f"{name} must be a date (datetime.date), got {day!r}.")
    return day


@dataclass(frozen=True)
class Window:
    """A run of whole ISO weeks: indices `first`, ..., `first + weeks - 1`."""

    first: int
    weeks: int

    @property
    def last(self) -> int:
        """Index of the last week."""
        return self.first + self.weeks - 1

    @property
    def indices(self) -> np.ndarray:
        """Week indices, shape (weeks,)."""
        return np.arange(self.first, self.first + self.weeks)

    @property
    def dates(self) -> np.ndarray:
        """Mondays, datetime64[ns], shape (weeks,)."""
        return (np.datetime64(ORIGIN) + 7 * self.indices.astype("timedelta64[D]")).astype("datetime64[ns]")


def check_seed(seed: int) -> int:
    """The seed, refused with InputError unless it is a whole number of 0 or more."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed must be a whole number of 0 or more, got {seed!r}.")
    return int(seed)


@dataclass(frozen=True)
class Draws:
    """Named random streams of one seed. A stream never moves when another is added or one grows longer."""

    seed: int
    scope: str

    def generator(self, name: str) -> np.random.Generator:
        """A fresh generator of the stream `name`, for draws that belong to no week."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.scope}/{name}".encode())])

    def normal(self, name: str, weeks: int, *shape: int) -> np.ndarray:
        """Standard normal, shape (weeks, *shape): row t is the same however many weeks are drawn."""
        return self.generator(name).standard_normal((weeks, *shape))

    def uniform(self, name: str, weeks: int, *shape: int) -> np.ndarray:
        """Uniform on [0, 1), shape (weeks, *shape), stable by row."""
        return self.generator(name).random((weeks, *shape))

    def autoregressive(self, name: str, weeks: int, *shape: int, persistence: float) -> np.ndarray:
        """x_t = persistence * x_(t-1) + e_t with a stationary standard deviation of 1, shape (weeks, *shape)."""
        return decaying_sum(self.normal(name, weeks, *shape) * np.sqrt(1 - persistence**2), persistence)


def decaying_sum(values: np.ndarray, persistence: float) -> np.ndarray:
    """x_t = persistence * x_(t-1) + values_t along the first axis, from x_0 = values_0."""
    total = values.copy()
    for t in range(1, len(total)):
        total[t] += persistence * total[t - 1]
    return total
