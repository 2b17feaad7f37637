"""Simulated vector autoregressions whose every parameter is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.long_term.coefficients import Coefficients, labelled
from mmm_core.long_term.series import series

NAMES = ("awareness", "consideration", "base")
CHANNELS = ("tv", "search")


@dataclass(frozen=True)
class World:
    lags: np.ndarray  # (lag, n, n)
    media: np.ndarray  # (media lag, n, m)
    intercept: np.ndarray
    covariance: np.ndarray
    variables: pd.DataFrame
    spend: pd.DataFrame


def three_variables():
    """A stable chain awareness -> consideration -> base, with some feedback."""
    first = np.array([[0.6, 0.0, 0.0], [0.2, 0.5, 0.05], [0.1, 0.4, 0.4]])
    second = np.array([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.1, 0.1]])
    media = np.array([[[0.30, 0.05], [0.0, 0.2], [0.1, 0.0]], [[0.10, 0.0], [0.05, 0.0], [0.0, 0.1]]])
    root = np.array([[0.3, 0.0, 0.0], [0.1, 0.25, 0.0], [0.05, 0.1, 0.4]])
    return np.stack([first, second]), media, np.array([1.0, 0.5, 2.0]), root @ root.T


def path(lags, media, intercept, spend, shocks, start):
    """The recursion, written out: (week, n) after the first `len(lags)` weeks of `start`."""
    values = np.concatenate([start, np.zeros_like(shocks)])
    order = len(lags)
    for week in range(len(shocks)):
        now = intercept + shocks[week]
        for lag in range(order):
            now = now + lags[lag] @ values[order + week - 1 - lag]
        for lag in range(len(media)):
            if week - lag >= 0:
                now = now + media[lag] @ spend[week - lag]
        values[order + week] = now
    return values[order:]


def world(weeks=208, seed=0, burn=60):
    lags, media, intercept, covariance = three_variables()
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, (weeks + burn, 2)) * (rng.random((weeks + burn, 2)) < 0.8)
    shocks = rng.multivariate_normal(np.zeros(3), covariance, weeks + burn)
    values = path(lags, media, intercept, spend, shocks, np.zeros((2, 3)))
    index = pd.date_range("2021-01-04", periods=weeks, freq="7D")
    return World(
        lags,
        media,
        intercept,
        covariance,
        pd.DataFrame(values[burn:], index=index, columns=NAMES),
        pd.DataFrame(spend[burn:], index=index, columns=CHANNELS),
    )


def known(made, differenced=()):
    """Draws as of a fit whose one draw is the truth."""
    found = Coefficients(
        made.lags[None],
        made.media[None],
        made.intercept[None, :, None],
        made.covariance[None],
        np.array([name in differenced for name in made.variables.columns]),
    )
    given = series(made.variables, made.spend, differenced=differenced)
    out = labelled(found, given)
    out.attrs = {"lags": len(made.lags), "first_row": given.first_row(len(made.lags), len(made.media) - 1)}
    return out
