"""A brand world whose long-run multiplier is known: tv -> awareness -> consideration -> base, one after the other.

    awareness_t     = 0.9 awareness_{t-1} + 0.25 s tv_t + noise
    consideration_t = 0.8 consideration_{t-1} + 0.4 awareness_{t-1} + noise
    base_t          = 0.5 base_{t-1} + 0.6 consideration_{t-1} + noise
    KPI_t           = 10 + base_t + 0.3 short-term stock of tv_t + noise

In the long run a unit of tv brings (.25/.1)(.4/.2)(.6/.5) s = 6.0 s to the base, summed over all weeks; s = 0.1 keeps
the metrics, which are logits, between a few and nearly all people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

TRUE = 6.0
SCALE = 0.1
WEEKS, BURN = 208, 104
METRICS = ("awareness", "consideration")
NOISE, STEP = 0.3, 0.16
"""Of the KPI around the base, and of the level that a first stage believes in."""
SHORT, KEPT = 0.3, 0.4
"""Short-term effect of a unit of tv, and its geometric carryover."""
LEVEL = 10.0


@dataclass(frozen=True)
class BrandWorld:
    """One world.

    Attributes:
        variables: awareness, consideration (logits) and base, by week. spend: tv. kpi: what is sold.
    """

    variables: pd.DataFrame
    spend: pd.DataFrame
    kpi: np.ndarray

    @property
    def index(self) -> pd.DatetimeIndex:
        """The weeks."""
        return pd.DatetimeIndex(self.variables.index)

    @property
    def table(self) -> pd.DataFrame:
        """The weekly table of a short-term model."""
        return pd.DataFrame(
            {"week_start": self.index, "revenue": self.kpi, "tv_spend": self.spend["tv"].to_numpy()}
        )

    def asked(self, people: int, every: int, seed: int) -> pd.DataFrame:
        """Waves of so many people every so many weeks: metric, start, end, share, sample."""
        parts = []
        for number, name in enumerate(METRICS):
            places = np.arange(0, WEEKS, every)
            rng = np.random.default_rng([seed, number])
            share = rng.binomial(people, expit(self.variables[name].to_numpy()[places])) / people
            end = self.index[places] + pd.Timedelta(days=6)
            part = {"metric": name, "start": self.index[places], "end": end, "share": share, "sample": people}
            parts.append(pd.DataFrame(part))
        return pd.concat(parts, ignore_index=True)

    def sure(self) -> pd.DataFrame:
        """Waves that leave no doubt, every week: the metrics as if they were known."""
        parts = [
            pd.DataFrame(
                {
                    "metric": name,
                    "start": self.index,
                    "end": self.index + pd.Timedelta(days=6),
                    "share": expit(self.variables[name].to_numpy()),
                    "sample": 1e9,
                }
            )
            for name in METRICS
        ]
        return pd.concat(parts, ignore_index=True)


def brand_world(seed: int) -> BrandWorld:
    """World number `seed`."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, WEEKS + BURN) * np.repeat(rng.random((WEEKS + BURN) // 4) < 0.5, 4)
    values, stock = np.zeros((WEEKS + BURN, 3)), np.zeros(WEEKS + BURN)
    for week in range(1, WEEKS + BURN):
        aware, considering, base = values[week - 1]
        now = np.array([0.9 * aware, 0.8 * considering + 0.4 * aware, 0.5 * base + 0.6 * considering])
        values[week] = now + SCALE * rng.normal(size=3)
        values[week, 0] += SCALE * 0.25 * spend[week]
        stock[week] = KEPT * stock[week - 1] + (1 - KEPT) * spend[week]
    index = pd.date_range("2019-01-07", periods=WEEKS, freq="7D")
    names = [*METRICS, "base"]
    variables = pd.DataFrame(values[BURN:], index=index, columns=names)
    sold = LEVEL + values[BURN:, 2] + SHORT * stock[BURN:] + rng.normal(0, NOISE, WEEKS)
    return BrandWorld(variables, pd.DataFrame({"tv": spend[BURN:]}, index=index), sold)
