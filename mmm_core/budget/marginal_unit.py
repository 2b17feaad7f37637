"""In what a marginal figure is told: outcome for one more unit of spend, as it is or less its risk or price, or
percentage points of a probability.

A dollar moves a probability by millionths of a point, so that its marginal figures are told for the power of ten of
spend that moves it by at least a hundredth of a point where it moves it most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mmm_core.budget.change import figure
from mmm_core.budget.glance import in_full

PROBABILITY = "probability"
RISK_ADJUSTED = "risk_adjusted"
"""Outcome of the worst draws, or less its risk."""
NET = "net"
"""Of what a unit of spend is priced at."""
POINTS = "percentage points of probability"
NAMES = {RISK_ADJUSTED: "risk-adjusted outcome"}
LEAST_POINTS = 0.01
MOST_SPEND = 1e6


@dataclass(frozen=True)
class MarginalUnit:
    """How what is maximised is told, for how much spend.

    Attributes:
        name: of the figure. scale: what a figure is multiplied by. per: units of spend that it is told for.
        currency: of spend, in words; "" leaves it out.
    """

    name: str
    scale: float = 1.0
    per: float = 1.0
    currency: str = ""

    def figure(self, slope: float) -> str:
        """A slope per unit of spend, as it is told."""
        return figure(self.scale * self.per * slope)

    @property
    def more(self) -> str:
        """So much more spend, in words."""
        return (
            "one more unit of spend" if self.per == 1 else f"{in_full(self.per, self.currency)} more of spend"
        )

    @property
    def less(self) -> str:
        """So much less."""
        return (
            "one unit of spend less" if self.per == 1 else f"{in_full(self.per, self.currency)} of spend less"
        )

    @property
    def last(self) -> str:
        """The last so much of a channel's spend."""
        return (
            "the last unit of spend"
            if self.per == 1
            else f"the last {in_full(self.per, self.currency)} of spend"
        )


def marginal_unit(name: str, slopes: np.ndarray, currency: str = "") -> MarginalUnit:
    """The unit of slopes per unit of spend; `name` is what is maximised, `PROBABILITY` where that is one."""
    if name != PROBABILITY:
        return MarginalUnit(NAMES.get(name, name), currency=currency)
    known = np.abs(slopes[np.isfinite(slopes)])
    steepest = 100 * float(known.max(initial=0.0))
    if steepest <= 0:
        return MarginalUnit(POINTS, 100.0, currency=currency)
    per = 10.0 ** max(math.ceil(math.log10(LEAST_POINTS / steepest)), 0)
    return MarginalUnit(POINTS, 100.0, min(per, MOST_SPEND), currency)
