"""Worlds that follow the peers' own models, and one on which every system's assumptions hold.

All are national. Every seed draws its own truth. Each channel's share of the KPI and its ROI are drawn, and the price
of its media follows from the two, so an ROI never depends on units. Carryover is warm before the first week: nothing
is zero-filled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import World, brought_by

L_MAX = 8
BURN_IN = 30
FIRST_WEEK = pd.Timestamp("2021-01-04")
LEVEL = 1e6  # KPI of a usual week without media, in money


def meridian_like(seed: int) -> World:
    """Meridian's model: geometric adstock, Hill with slope 1 in medians of the media, a baseline through knots.

    208 modelled weeks, 4 channels of which two pause, 2 controls. The baseline is piecewise linear between 13 knots.
    """
    rng = np.random.default_rng([seed, 1])
    weeks, channels = 208 + L_MAX, 4
    media = np.exp(0.5 * autoregressive(rng, weeks + BURN_IN, channels, 0.6))
    media[:, 2:] *= _flights(rng, weeks + BURN_IN, 2)
    alpha, half = rng.uniform(0.1, 0.8, channels), rng.lognormal(np.log(0.8), 0.4, channels)

    def effect(c: int, path: np.ndarray) -> np.ndarray:
        x = media[:, c]
        carried = adstock(path / np.median(x[x > 0]), alpha[c])
        return np.asarray(carried / (carried + half[c]))

    knots = np.concatenate([[0.0], np.cumsum(rng.normal(0, 0.06, 12))])
    baseline = 1 + np.interp(np.arange(weeks), np.linspace(0, weeks - 1, 13), knots)
    controls = autoregressive(rng, weeks, 2, 0.7)
    return _world("meridian_like", seed, rng, media, effect, baseline, controls, noise=0.05)


def pymc_marketing_like(seed: int) -> World:
    """PyMC-Marketing's example: geometric adstock, logistic saturation, a bending trend, a yearly season, two events.

    179 modelled weeks, 3 channels with independent uniform weeks, one of them seldom on air.
    """
    rng = np.random.default_rng([seed, 2])
    weeks, channels = 179 + L_MAX, 3
    media = rng.uniform(size=(weeks + BURN_IN, channels))
    media[:, 1] = np.where(media[:, 1] > 0.7, media[:, 1], 0)
    alpha, lam = rng.beta(2, 3, channels), rng.gamma(3, 1, channels)

    def effect(c: int, path: np.ndarray) -> np.ndarray:
        carried = adstock(path / media[:, c].max(), alpha[c])
        return np.tanh(lam[c] * carried / 2)  # (1 - exp(-lam x)) / (1 + exp(-lam x))

    trend = 0.4 * ((np.linspace(0, 50, weeks) + 10) ** 0.25 - 1.8)
    baseline = 1 + trend + _season(rng, weeks, 0.06)
    events = np.zeros((weeks, 2))
    events[rng.choice(np.arange(L_MAX, weeks), 2, replace=False), [0, 1]] = 1
    return _world("pymc_marketing_like", seed, rng, media, effect, baseline, events, noise=0.05)


def textbook(seed: int, weeks: int = 208, channels: int = 4) -> World:
    """A world that suits everyone: independent always-on media, a linear trend, a season, 3 controls, little noise.

    Saturation is Hill with slope 1, which a logistic curve comes close to. The speed benchmarks use it, so that no
    system is slow because its baseline cannot follow the data. The table has `weeks` rows, the first 8 of them history.
    """
    rng = np.random.default_rng([seed, 3])
    media = np.exp(0.6 * autoregressive(rng, weeks + BURN_IN, channels, 0.3))
    alpha, half = rng.uniform(0.2, 0.7, channels), rng.lognormal(0, 0.3, channels)

    def effect(c: int, path: np.ndarray) -> np.ndarray:
        carried = adstock(path / media[:, c].mean(), alpha[c])
        return np.asarray(carried / (carried + half[c]))

    baseline = 1 + np.linspace(-0.1, 0.1, weeks) + _season(rng, weeks, 0.06)
    controls = autoregressive(rng, weeks, 3, 0.5)
    return _world("textbook", seed, rng, media, effect, baseline, controls, noise=0.03)


def adstock(media: np.ndarray, alpha: float) -> np.ndarray:
    """Normalised geometric carryover over lags 0..8; written here so that no system's own code is the truth."""
    weights = alpha ** np.arange(L_MAX + 1)
    return np.convolve(media, weights / weights.sum())[: len(media)]


def _world(
    generator: str,
    seed: int,
    rng: np.random.Generator,
    media: np.ndarray,
    effect: Callable[[int, np.ndarray], np.ndarray],
    baseline: np.ndarray,
    controls: np.ndarray,
    noise: float,
    longest: int = L_MAX,
) -> World:
    """Sizes and prices: media is (burn-in + week, channel), baseline (week,) around 1, controls (week, control).

    `effect` is of a channel's number and its media, (week,), before it is given a size; `longest` its last lag.
    """
    weeks, channels = len(baseline), media.shape[1]
    counted = slice(L_MAX, None)
    share = rng.dirichlet(np.full(channels, 3.0)) * rng.uniform(0.15, 0.35)
    roi = rng.lognormal(0.2, 0.6, channels)
    names = [f"channel_{c + 1}" for c in range(channels)]
    table = pd.DataFrame({"week_start": pd.date_range(FIRST_WEEK, periods=weeks, freq="7D")})
    slopes = rng.normal(0, 0.03, controls.shape[1])
    kpi = baseline + controls @ slopes + noise * rng.standard_normal(weeks)
    size, price = np.zeros(channels), np.zeros(channels)
    for c, name in enumerate(names):
        curve = effect(c, media[:, c])[BURN_IN:]
        contribution = curve * share[c] * (weeks - L_MAX) / curve[counted].sum()
        kpi = kpi + contribution
        units = media[BURN_IN:, c]
        size[c] = LEVEL * share[c] * (weeks - L_MAX) / curve[counted].sum()
        price[c] = LEVEL * contribution[counted].sum() / roi[c] / units[counted].sum()
        table[f"{name}_spend"] = units * price[c]
    for k in range(controls.shape[1]):
        table[f"control_{k + 1}"] = controls[:, k]
    table["revenue"] = LEVEL * kpi
    job = Job(
        kpi="revenue",
        spend={name: f"{name}_spend" for name in names},
        controls=tuple(f"control_{k + 1}" for k in range(controls.shape[1])),
        l_max=L_MAX,
    )
    true_roi = {name: float(value) for name, value in zip(names, roi, strict=True)}
    brought = brought_by(effect, media, price, size, longest)
    return World(f"{generator}-{seed}", generator, table, job, true_roi, brought=brought)


def autoregressive(rng: np.random.Generator, weeks: int, series: int, persistence: float) -> np.ndarray:
    """Stationary first-order autoregressions of standard deviation 1, (weeks, series)."""
    steps = rng.standard_normal((weeks, series)) * np.sqrt(1 - persistence**2)
    steps[0] /= np.sqrt(1 - persistence**2)
    for t in range(1, weeks):
        steps[t] += persistence * steps[t - 1]
    return steps


def _flights(rng: np.random.Generator, weeks: int, series: int) -> np.ndarray:
    """1 on air, 0 off, in blocks of four weeks."""
    blocks = rng.uniform(size=(weeks // 4 + 1, series)) < 0.6
    return np.repeat(blocks, 4, axis=0)[:weeks].astype(float)


def _season(rng: np.random.Generator, weeks: int, size: float) -> np.ndarray:
    angle = 2 * np.pi * 7 * np.arange(weeks) / 365.25
    waves = np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])
    return waves @ rng.normal(0, [size, size, size / 3, size / 3])
