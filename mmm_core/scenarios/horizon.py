"""The weeks that a scenario is about: those after the data, their dates, and which of them an entry names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from mmm_core.data.weeks import first_days
from mmm_core.errors import InputError
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.spec.scenarios_spec import REST, Part, Week

YEAR = 52
"""Weeks back to the same week of last year, on the same weekday."""


@dataclass(frozen=True)
class Horizon:
    """Weeks after the data.

    Attributes:
        weeks: how many are planned. dates: (week,) of those and of the `tail` after them, as the table dates its weeks.
        tail: weeks into which media carry over; what is bought in them is the same under every plan.
    """

    weeks: int
    tail: int
    dates: pd.DatetimeIndex
    spec: ModelSpec

    @classmethod
    def of(cls, posterior: Posterior, weeks: int) -> Horizon:
        """So many weeks after a posterior's data.

        Raises:
            InputError: more weeks than the data hold, which come again.
        """
        known = posterior.data.sizes["week"]
        if weeks > known:
            raise InputError(
                f"model {posterior.model}: a horizon of {plural(weeks, 'week')} is longer than the data, whose last "
                f"weeks come again: the nearest feasible figure is {plural(known, 'week')} (`scenarios: weeks`)"
            )
        tail = max(posterior.media.layout.l_max)
        first = pd.Timestamp(posterior.data["week"].to_numpy()[-1]) + pd.Timedelta(days=7)
        return cls(weeks, tail, pd.date_range(first, periods=weeks + tail, freq="7D"), posterior.spec)

    @property
    def planned(self) -> pd.DatetimeIndex:
        """Dates of the planned weeks."""
        return self.dates[: self.weeks]

    @property
    def words(self) -> str:
        """The first and the last week."""
        return f"{self.dates[0].date()} to {self.dates[self.weeks - 1].date()}"

    def masks(self, parts: Sequence[Part], where: str) -> list[np.ndarray | None]:
        """Which planned weeks each part is of, (week,); None for all of them together.

        Raises:
            InputError: a week outside of the horizon, or one that two parts of one geo name.
        """
        named: dict[str, np.ndarray] = {}
        out: list[np.ndarray | None] = []
        for part in parts:
            if part.weeks is None or part.weeks == REST:
                out.append(None)
                continue
            mask = self._mask(part.weeks, where)
            seen = named.setdefault(part.geo, np.zeros(self.weeks, dtype=bool))
            if (seen & mask).any():
                week = self.dates[int(np.argmax(seen & mask))].date()
                raise InputError(f"{where}: the week of {week} is named twice: name each once")
            seen |= mask
            out.append(mask)
        nothing = np.zeros(self.weeks, dtype=bool)
        return [
            ~named.get(part.geo, nothing) if part.weeks == REST else mask
            for part, mask in zip(parts, out, strict=True)
        ]

    def _mask(self, span: tuple[Week, Week] | Literal["rest"], where: str) -> np.ndarray:
        first, last = (self._position(week, where) for week in span if not isinstance(week, str))
        positions = np.arange(self.weeks)
        return np.asarray((positions >= first) & (positions <= last))

    def _position(self, week: Week, where: str) -> int:
        if isinstance(week, date):
            starts = first_days(self.planned, self.spec)
            position = (pd.Timestamp(week) - starts[0]).days // 7
            if 0 <= position < self.weeks:
                return position
            raise InputError(
                f"{where}: {week} is outside of the horizon, whose weeks are {self.words}: the nearest is that of "
                f"{self.dates[0 if position < 0 else self.weeks - 1].date()}"
            )
        if week <= self.weeks:
            return week - 1
        raise InputError(
            f"{where}: week {week} is outside of the horizon of {plural(self.weeks, 'week')}: the nearest is week "
            f"{self.weeks}; or make it longer with `scenarios: weeks`"
        )
