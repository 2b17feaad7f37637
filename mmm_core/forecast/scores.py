"""How well a forecast did on weeks it had not seen: scores, and the simple forecasts any model must not lose to.

Arrays are (geo, week) in KPI units. A forecast is a mean and a standard deviation (the simple ones, normal) or draws.
The two forms of the CRPS are written out: scoringrules has them, but compiles all of its kernels when it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar

SEASON = 52
"""Weeks of a season."""


@dataclass(frozen=True)
class NormalForecast:
    """A forecast with independent normal errors: `mean` and `sd`, both (geo, week); `name` says how it was made."""

    name: str
    mean: np.ndarray
    sd: np.ndarray


@dataclass(frozen=True)
class Score:
    """Mean continuous ranked probability score (KPI units) and absolute percentage error of the median.

    The CRPS is proper: no forecast scores better in expectation than what one believes. The absolute error is so for a
    median alone; the mean of a skewed forecast, such as that of a log KPI, loses by it however right the forecast is.
    """

    name: str
    crps: float
    mape: float


def crps_of_draws(draws: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """CRPS of an ensemble, E|X - y| - E|X - X'| / 2 in its fair form, over the first axis of `draws`.

    Gneiting and Raftery (2007), equation 21, with the n (n - 1) of Fricker, Ferro and Stephenson (2013).
    """
    count = len(draws)
    ordered = np.sort(draws, axis=0)
    rank = np.arange(1, count + 1).reshape(-1, *[1] * actual.ndim)
    spread = ((2 * rank - count - 1) * ordered).sum(axis=0) / (count * (count - 1))
    return np.asarray(np.abs(draws - actual).mean(axis=0) - spread)


def crps_of_normal(mean: np.ndarray, sd: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """CRPS of a normal forecast (Gneiting and Raftery 2007, equation 5)."""
    z = (actual - mean) / sd
    return np.asarray(sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)))


def mape(prediction: np.ndarray, actual: np.ndarray) -> float:
    """Mean absolute percentage error over the weeks whose KPI is known and not zero."""
    known = np.isfinite(actual) & (actual != 0)
    return float(np.mean(np.abs(prediction[known] / actual[known] - 1))) if known.any() else float("nan")


def score_draws(name: str, draws: np.ndarray, actual: np.ndarray) -> Score:
    """Score draws (draw, geo, week) against the KPI (geo, week); weeks without a KPI do not count."""
    known = np.isfinite(actual)
    return Score(
        name,
        float(crps_of_draws(draws[:, known], actual[known]).mean()),
        mape(np.median(draws, axis=0), actual),
    )


def score_normal(forecast: NormalForecast, actual: np.ndarray) -> Score:
    """Score a normal forecast against the KPI (geo, week)."""
    known = np.isfinite(actual)
    scores = crps_of_normal(forecast.mean[known], forecast.sd[known], actual[known])
    return Score(forecast.name, float(scores.mean()), mape(forecast.mean, actual))


def simple_forecasts(
    history: np.ndarray, design: np.ndarray, weeks: int, prior_sd: np.ndarray | None = None
) -> list[NormalForecast]:
    """Every simple forecast that the history allows; arguments as those of `no_media`."""
    naive = seasonal_naive(history, weeks)
    first = [] if naive is None else [naive]
    return [*first, last_value(history, weeks), no_media(history, design, weeks, prior_sd)]


def seasonal_naive(history: np.ndarray, weeks: int, season: int = SEASON) -> NormalForecast | None:
    """Last season's value again, with the spread of the seasonal differences; None with under two seasons of them."""
    filled = _fill_gaps(history)
    length = filled.shape[1]
    if length < 2 * season:
        return None
    steps = np.arange(weeks)
    mean = filled[:, length - season + steps % season]
    cycles = np.sqrt(1 + steps // season)
    sd = _rms(filled[:, season:] - filled[:, :-season])[:, None] * cycles
    return NormalForecast("seasonal-naive", mean, sd)


def last_value(history: np.ndarray, weeks: int) -> NormalForecast:
    """The last value again, as a random walk: the spread of the weekly changes grows with the root of the horizon."""
    filled = _fill_gaps(history)
    mean = np.repeat(filled[:, -1:], weeks, axis=1)
    sd = _rms(np.diff(filled, axis=1))[:, None] * np.sqrt(1 + np.arange(weeks))
    return NormalForecast("last value", mean, sd)


def _rms(differences: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt((differences**2).mean(axis=1)), 1e-12)


def _fill_gaps(history: np.ndarray) -> np.ndarray:
    """A week without a KPI takes the last known value (the first known one at the start)."""
    filled = np.array(history, dtype=float)
    for row in filled:
        known = np.flatnonzero(np.isfinite(row))
        last = np.maximum.accumulate(np.where(np.isfinite(row), np.arange(len(row)), known[0]))
        row[:] = row[last]
    return filled


def no_media(
    history: np.ndarray, design: np.ndarray, weeks: int, prior_sd: np.ndarray | None = None
) -> NormalForecast:
    """The baseline alone: a local level and the design's terms (season, controls, events), without any media.

    Args:
        history: KPI (geo, week) of the weeks seen, nan where unknown.
        design: (geo, week + weeks, term), also over the weeks to forecast.
        weeks: how many weeks to forecast.
        prior_sd: of each term's coefficient in units of the noise sd, (term,), as the model has them: then what a model
            forecasts better is owed to its media, and not to how it shrinks its season. Flat priors where None.

    Each geo is y = level + X b + noise with b flat, or normal, and the ratio of the two variances at its restricted
    maximum likelihood; the forecast is the best linear unbiased one (universal kriging). A term that is 0 in all weeks
    seen is left out.
    """
    geos = [_local_level(history[geo], design[geo], weeks, prior_sd) for geo in range(len(history))]
    return NormalForecast("no media", np.stack([mean for mean, _ in geos]), np.stack([sd for _, sd in geos]))


def _local_level(
    history: np.ndarray, design: np.ndarray, weeks: int, prior_sd: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    length = len(history)
    seen = np.flatnonzero(np.isfinite(history))
    y = history[seen]
    flat = design if prior_sd is None else design[:, :0]
    fixed = _independent(np.column_stack([np.ones(length + weeks), flat]), seen)
    shrunk = (
        np.zeros((length + weeks, 0)) if prior_sd is None else design * prior_sd * design[seen].any(axis=0)
    )
    terms = shrunk @ shrunk.T
    known, ahead = fixed[seen], fixed[length:]
    week = np.arange(length + weeks, dtype=float)
    walk = np.minimum.outer(week, week)

    def fit(log_ratio: float) -> tuple[float, float, np.ndarray, np.ndarray]:
        ratio = np.exp(log_ratio)
        factor = cho_factor((ratio * walk + terms)[np.ix_(seen, seen)] + np.eye(len(seen)), lower=True)
        precision_x = cho_solve(factor, known)
        information = known.T @ precision_x
        coefficient = np.linalg.solve(information, precision_x.T @ y)
        residual = y - known @ coefficient
        solved = cho_solve(factor, residual)
        freedom = len(seen) - known.shape[1]
        variance = max(float(residual @ solved) / freedom, 1e-24)
        deviance = (
            freedom * np.log(variance)
            + 2 * np.log(np.diag(factor[0])).sum()
            + np.linalg.slogdet(information)[1]
        )
        cross = (ratio * walk + terms)[length:, seen]
        weight = cho_solve(factor, cross.T)
        unexplained = ahead - weight.T @ known
        spread = np.einsum("ij,ji->i", unexplained, np.linalg.solve(information, unexplained.T))
        spread += np.diag(ratio * walk + terms)[length:] - np.einsum("ij,ji->i", cross, weight) + 1.0
        mean = ahead @ coefficient + cross @ solved
        return deviance, variance, mean, spread

    best = minimize_scalar(lambda log_ratio: fit(log_ratio)[0], bounds=(-14.0, 6.0), method="bounded")
    _, variance, mean, spread = fit(float(best.x))
    return mean, np.sqrt(variance * np.maximum(spread, 1e-12))


def _independent(fixed: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The columns that the weeks seen can tell apart (a constant term beside the intercept is left out)."""
    kept: list[int] = []
    for column in range(fixed.shape[1]):
        trial = fixed[seen][:, [*kept, column]]
        scale = np.linalg.norm(trial, axis=0)
        if (scale > 0).all() and np.linalg.matrix_rank(trial / scale, tol=1e-8) == len(kept) + 1:
            kept.append(column)
    return fixed[:, kept]
