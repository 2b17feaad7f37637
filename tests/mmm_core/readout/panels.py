"""Geo panels made by hand: three common factors, loadings of its own for every geo, noise."""

import numpy as np
import pandas as pd

DAYS = pd.date_range("2024-01-01", periods=75, freq="D")
WINDOW = ("2024-03-01", "2024-03-15")  # the last 15 of 75 days
PRE = 60
WHOLE = ":".join(WINDOW)


def outcomes(seed=0, periods=75, geos=12, noise=1.0, carry=0.3, step=0.0):
    """Outcomes of shape (period, geo): the first two geos lie within the reach of the others.

    `noise` scales what no other geo knows of, `carry` is its autocorrelation, `step` the size of a random walk.
    """
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(periods, 3)) + step * np.cumsum(rng.normal(size=(periods, 3)), axis=0)
    factors[:, 0] += 2 * np.sin(2 * np.pi * np.arange(periods) / 7)
    loadings = 9 * rng.dirichlet(np.full(3, 2.0), size=geos)
    shocks = rng.normal(size=(periods, geos))
    for period in range(1, periods):
        shocks[period] = carry * shocks[period - 1] + np.sqrt(1 - carry**2) * shocks[period]
    size = 10 * np.exp(rng.normal(0, 0.3, geos))
    return size * (50 + 0.5 * factors @ loadings.T + 0.7 * noise * shocks)


def table(values, days=DAYS, names=None):
    """A long table of outcomes, columns location, date and Y, as the command reads it."""
    names = names or [f"g{geo:02d}" for geo in range(values.shape[1])]
    wide = pd.DataFrame(
        values, index=pd.Index(days[: len(values)], name="date"), columns=pd.Index(names, name="location")
    )
    long = wide.stack().rename("Y").reset_index()
    return long.assign(date=long["date"].dt.strftime("%Y-%m-%d"))[["location", "date", "Y"]]


def treat(values, geos, effect, first=PRE):
    """The outcomes with an effect per geo and period from the first measured period on."""
    treated = values.copy()
    treated[first:, geos] += effect
    return treated
