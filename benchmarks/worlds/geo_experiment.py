"""Geo panels with a known effect: what geos share, what each has of its own, and an experiment in two of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from mmm_core.readout.panel import GeoPanel

TREATED = 2


@dataclass(frozen=True)
class Kind:
    """How a panel is made.

    Attributes:
        days: of a period, 1 or 7.
        pre, measured: periods before and in the window.
        donors: geos that are not treated.
        carry: autocorrelation of a geo's own noise.
        drift: step of the random walk of what geos share, in units of its noise.
        own_drift: step of the random walk of each geo's own, as a share of its outcome.
        tails: degrees of freedom of the noise; 0 where it is normal.
    """

    days: int = 1
    pre: int = 90
    measured: int = 15
    donors: int = 38
    carry: float = 0.3
    drift: float = 0.0
    own_drift: float = 0.0
    tails: float = 0.0


KINDS = {
    "daily": Kind(),
    "alike from day to day": Kind(carry=0.7, donors=20),
    "common drift": Kind(carry=0.5, donors=20, drift=0.3),
    "own drift": Kind(donors=20, own_drift=0.005),
    "heavy tails": Kind(donors=20, tails=3.0),
    "few donors": Kind(donors=8),
    "weekly": Kind(days=7, pre=52, measured=6, donors=20, drift=0.1),
    "short weekly": Kind(days=7, pre=26, measured=6, donors=8, drift=0.1),
}


def simulated(kind: Kind, seed: int, lift: float = 0.0) -> tuple[GeoPanel, float]:
    """A panel and the true incremental outcome of its first two geos.

    Each geo moves with three common factors by weights of its own, and has noise of its own; the window multiplies what
    the treated geos would have had by 1 + lift.
    """
    rng = np.random.default_rng(seed)
    periods, geos = kind.pre + kind.measured, kind.donors + TREATED
    factors = rng.normal(size=(periods, 3)) + kind.drift * np.cumsum(rng.normal(size=(periods, 3)), axis=0)
    cycle = 7 if kind.days == 1 else 52
    factors[:, 0] += 2 * np.sin(2 * np.pi * np.arange(periods) / cycle)
    loadings = 9 * rng.dirichlet(np.full(3, 2.0), size=geos)
    shocks = rng.standard_t(kind.tails, (periods, geos)) if kind.tails else rng.normal(size=(periods, geos))
    for period in range(1, periods):
        shocks[period] = kind.carry * shocks[period - 1] + np.sqrt(1 - kind.carry**2) * shocks[period]
    walk = 50 * kind.own_drift * np.cumsum(rng.normal(size=(periods, geos)), axis=0)
    size = 10 * np.exp(rng.normal(0, 0.5, geos))
    outcome = size * (50 + 0.5 * factors @ loadings.T + 0.7 * shocks + walk)
    effect = lift * outcome[kind.pre :, :TREATED]
    outcome[kind.pre :, :TREATED] += effect
    starts = tuple(date(2024, 1, 1) + timedelta(days=kind.days * period) for period in range(periods))
    names = tuple(f"g{geo:02d}" for geo in range(geos))
    return GeoPanel(outcome, starts, kind.days, names, "Y", "a simulated panel"), float(effect.sum())
