"""Weekly states of what is measured with error, given the vector autoregression they belong to: one exact draw.

Given its coefficients the autoregression is a normal density of all weeks' variables,

    sum_a F_a y_{t-a} - m_t ~ N(0, Sigma),   F_0 = I, F_l = -A_l,   m_t = intercept, media and terms of week t,

and so are each wave of a survey, h_w'y_j + u_w, and each week's measurement, y_jt + u_t. Of the variables some may be
known and some are latent (the metrics, the base of a short-term model). Put the known ones on the right, and the latent
ones' precision is a band around the diagonal, weeks in order: a Cholesky factor of it costs weeks x band^2. The draw is
that of a Kalman smoother (Chan and Jeliazkov 2009), with waves of any number of weeks and any number of variables.

A variable whose change is modelled is a state in its level all the same: with D the diagonal of those, the density is
that of levels with the lags A_1 + D, A_l - A_{l-1} D, -A_p D (`in_levels`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmm_core.long_term.loops import banded, chains_last, draw_banded


class Waves(NamedTuple):
    """What surveys say of the latent states, (week, latent) flattened, weeks in order."""

    precision: np.ndarray  # lower band of H'V^{-1}H, (band, week x latent)
    information: np.ndarray  # H'V^{-1}z, (week, latent)


class Weekly(NamedTuple):
    """What is measured of latent states every week, with an error of its own each."""

    precision: np.ndarray  # 1/v, 0 where nothing was measured, (chain, week, latent)
    information: np.ndarray  # z/v, (chain, week, latent)


class Start(NamedTuple):
    """What is believed of the latent states in the weeks before the first row: a random walk from anywhere.

    Were these weeks free one by one, a wave of several weeks would know their mean alone, and they would lie far apart.
    """

    mean: np.ndarray  # (latent,)
    sd: np.ndarray  # of the first week, (latent,)
    step: float  # sd of a week's change


class Band(NamedTuple):
    """A normal of the latent states of each chain."""

    precision: np.ndarray  # lower band by column, (week x latent, band, chain)
    information: np.ndarray  # (week x latent, chain)
    reach: np.ndarray  # entries of each column of its Cholesky factor, from the diagonal on, (week x latent,)


class Measured(NamedTuple):
    """All that is known of the latent states but the autoregression: it stays while the coefficients are drawn."""

    before: np.ndarray  # lower band of waves and of the weeks before the first row, (week x latent, band)
    information_before: np.ndarray  # (week x latent,)
    reach: np.ndarray  # of `Band`
    of_waves: np.ndarray  # the waves' precision of a variable's weeks, [away, week, latent]
    asked: np.ndarray  # the waves' information, (week, latent)
    precision: np.ndarray  # of what is measured every week, (week, latent, chain)
    information: np.ndarray  # (week, latent, chain)


def of_waves(days: list[np.ndarray], measured: list[np.ndarray], variance: list[np.ndarray]) -> Waves:
    """The surveys of each latent metric.

    Args:
        days: h of each metric, (wave, week). measured, variance: (wave,).
    """
    latent, weeks = len(days), days[0].shape[1]
    precisions = [(h.T / v) @ h for h, v in zip(days, variance, strict=True)]
    reach = max(int(np.subtract(*np.nonzero(precision)).max(initial=0)) for precision in precisions)
    band = np.zeros((reach * latent + 1, weeks * latent))
    for place, precision in enumerate(precisions):
        for away in range(reach + 1):
            band[away * latent, place : (weeks - away) * latent : latent] = np.diagonal(precision, -away)
    information = [h.T @ (z / v) for h, z, v in zip(days, measured, variance, strict=True)]
    return Waves(band, np.stack(information, axis=1))


def in_levels(lags: np.ndarray, differenced: np.ndarray) -> np.ndarray:
    """Lags of the levels, (lag, n, n, chain), one more than those of the series as modelled where any is differenced.

    Args:
        lags: A, (lag, n, n, chain). differenced: (n,), whose change is modelled.
    """
    if not differenced.any():
        return lags
    unit = np.broadcast_to(np.eye(len(differenced))[..., None], lags[:1].shape)
    before = np.concatenate([lags, np.zeros_like(lags[:1])])
    after = np.concatenate([-unit, lags])
    return np.asarray(before - after * differenced[:, None])


def measured_states(
    waves: Waves, start: Start, weekly: Weekly | None, chains: int, order: int, first: int
) -> Measured:
    """What is measured of the latent states of several chains.

    Args:
        start: what is believed of the states in the weeks before the first row.
        weekly: what is measured of them beside the waves.
        order: lags of the levels. first: position of the first week that has all its lags.
    """
    weeks, count = waves.information.shape
    size = max((order + 1) * count, len(waves.precision))
    before = np.zeros((weeks, count, size))  # what does not differ by chain
    before[..., : len(waves.precision)] = waves.precision.T.reshape(weeks, count, -1)
    before[0, :, 0] += 1 / start.sd**2
    before[: first - 1, :, 0] += 1 / start.step**2
    before[1:first, :, 0] += 1 / start.step**2
    before[: first - 1, :, count] -= 1 / start.step**2
    asked = waves.information.copy()
    asked[0] += start.mean / start.sd**2
    every_week = (np.zeros((weeks, count, chains)),) * 2
    if weekly is not None:
        every_week = (chains_last(weekly.precision), chains_last(weekly.information))
    band = before.reshape(weeks * count, size)
    return Measured(
        band,
        asked.ravel(),
        _reach(band, count, order, first),
        np.ascontiguousarray(waves.precision.reshape(-1, weeks, count)[::count]),
        waves.information,
        *every_week,
    )


def _reach(before: np.ndarray, count: int, order: int, first: int) -> np.ndarray:
    """How many entries of each column of a Cholesky factor there are, from the diagonal on, (week x latent,).

    A wave ties the weeks that it asked in, so that most columns end well before the widest does. What stands in a
    column ties all that it reaches with one another: the next column reaches as far.

    Args:
        before: band of what is measured, (week x latent, away). count: of latent variables.
        order: lags of the levels, between the weeks from `first` on.
    """
    columns = np.arange(len(before))
    weeks = len(before) // count
    ends = columns + (before.shape[1] - 1 - (before[:, ::-1] != 0).argmax(1)) * (before != 0).any(1)
    last_tied = np.minimum(columns // count + order, weeks - 1)
    ends = np.where(last_tied >= first, np.maximum(ends, last_tied * count + count - 1), ends)
    return np.asarray(np.maximum.accumulate(ends) - columns + 1)


def band_of(
    lags: np.ndarray,
    inverse: np.ndarray,
    expected: np.ndarray,
    known: np.ndarray,
    latent: np.ndarray,
    measured: Measured,
) -> Band:
    """The latent states' precision and information, of several chains at once.

    Args:
        lags: A, (lag, n, n, chain). inverse: Sigma^{-1}, (n, n, chain).
        expected: m_t, (row, n, chain), of the weeks from the first that has all its lags on.
        known: (week, n, chain), whose latent variables are not looked at. latent: positions of the latent variables.
    """
    unit = np.broadcast_to(np.eye(lags.shape[1])[..., None], lags.shape[1:])
    weights = np.concatenate([unit[None], -lags])
    told = measured.before, measured.information_before, measured.precision, measured.information
    precision, information = banded(*told, weights, inverse, expected, known, latent)
    return Band(precision, information, measured.reach)


def draw_states(band: Band, rng: np.random.Generator) -> np.ndarray:
    """One draw of the latent states of each chain, (week x latent, chain); the band's memory is used up."""
    drawn = rng.standard_normal(band.information.shape)
    if not draw_banded(band.precision, band.information, drawn, band.reach):
        raise np.linalg.LinAlgError("the states' precision is not positive definite")
    return drawn
