"""Worlds that the model is right for, and the same with one thing broken: what the review's gates are measured on.

All are national, 182 modelled weeks after 8 of media history, 3 channels, 2 controls: geometric carryover, Hill with
slope 1, a baseline that walks at random around a season. A kind breaks the world, or what is asked of it, in one way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.worlds import World
from benchmarks.worlds.peer_style import BURN_IN, L_MAX, _season, _world, adstock, autoregressive

WEEKS, CHANNELS, SHORT = 182, 3, 32
NOISE = 0.03


def walking(seed: int, weeks: int = WEEKS, alpha: float | None = None, longest: int = L_MAX) -> World:
    """A world of the model's own assumptions.

    Args:
        weeks: modelled ones.
        alpha: carryover of every channel, drawn by default. longest: lag it ends at.
    """
    rng = np.random.default_rng([seed, 4])
    rows = weeks + L_MAX
    media = np.exp(0.6 * autoregressive(rng, rows + BURN_IN, CHANNELS, 0.3))
    alphas = rng.uniform(0.2, 0.7, CHANNELS) if alpha is None else np.full(CHANNELS, alpha)
    half = rng.lognormal(0, 0.3, CHANNELS)

    def effect(c: int, path: np.ndarray) -> np.ndarray:
        x = path / media[:, c].mean()
        weights = alphas[c] ** np.arange(longest + 1)
        carried = (
            np.convolve(x, weights / weights.sum())[: len(x)] if longest > L_MAX else adstock(x, alphas[c])
        )
        return np.asarray(carried / (carried + half[c]))

    walk = np.cumsum(rng.normal(0, 0.008, rows))
    baseline = 1 + walk + _season(rng, rows, 0.06)
    controls = autoregressive(rng, rows, 2, 0.5)
    return _world("walking", seed, rng, media, effect, baseline, controls, NOISE, longest)


def _changed(world: World, kind: str, revenue: np.ndarray, **columns: np.ndarray) -> World:
    """The world with another table, whose plans are not those of the world that it was."""
    table = world.table.assign(revenue=revenue, **columns)
    named = f"{kind}-{world.name.split('-')[1]}"
    return replace(world, name=named, generator=kind, table=table, brought=None)


def confounded_search(seed: int) -> World:
    """Demand that nobody measured moves sales, and the first channel's spend with them."""
    world, rng = walking(seed), np.random.default_rng([seed, 5])
    demand = autoregressive(rng, len(world.table), 1, 0.6)[:, 0]
    spend = world.table["channel_1_spend"].to_numpy()
    followed = spend.mean() * np.exp(0.5 * demand + 0.1 * rng.standard_normal(len(spend)))
    revenue = world.table["revenue"].to_numpy() * (1 + 0.05 * demand)
    return _changed(world, "confounded_search", revenue, channel_1_spend=followed)


def wrong_carryover(seed: int) -> World:
    """Media work for half a year; the model is told that they do for two weeks."""
    world = walking(seed, alpha=0.9, longest=26)
    found = _changed(world, "wrong_carryover", world.table["revenue"].to_numpy())
    return replace(found, job=world.job.with_(l_max=2))


def structural_break(seed: int) -> World:
    """From a week in the middle third on, a fifth of the baseline is gone for good."""
    world, rng = walking(seed), np.random.default_rng([seed, 6])
    start = rng.integers(len(world.table) // 3, 2 * len(world.table) // 3)
    lost = np.where(np.arange(len(world.table)) >= start, 0.2, 0.0)
    return _changed(world, "structural_break", world.table["revenue"].to_numpy() - lost * 1e6)


def multiplicative(seed: int) -> World:
    """Everything multiplies, noise too, and the KPI grows threefold; fitted in levels."""
    world = walking(seed)
    additive = world.table["revenue"].to_numpy() / 1e6
    growth = np.linspace(-0.55, 0.55, len(additive))
    return _changed(world, "multiplicative", 1e6 * np.exp(growth + 1.5 * (additive - additive.mean())))


def outlier_year(seed: int) -> World:
    """A year with a third less of everything, and back."""
    world, rng = walking(seed), np.random.default_rng([seed, 7])
    start = rng.integers(30, len(world.table) - 52 - 30)
    factor = np.where(
        (np.arange(len(world.table)) >= start) & (np.arange(len(world.table)) < start + 52), 0.67, 1
    )
    return _changed(world, "outlier_year", world.table["revenue"].to_numpy() * factor)


def noise_channel(seed: int) -> World:
    """A channel whose spend does nothing at all is in the model."""
    world, rng = walking(seed), np.random.default_rng([seed, 8])
    spend = world.table["channel_1_spend"].to_numpy()
    drawn = spend.mean() * np.exp(0.6 * autoregressive(rng, len(spend), 1, 0.3)[:, 0])
    found = _changed(world, "noise_channel", world.table["revenue"].to_numpy(), nothing_spend=drawn)
    spent = {**world.job.spend, "nothing": "nothing_spend"}
    return replace(found, job=world.job.with_(spend=spent), true_roi={**world.true_roi, "nothing": 0.0})


def short_history(seed: int) -> World:
    """Seven months of weeks."""
    world = walking(seed, weeks=SHORT)
    return _changed(world, "short_history", world.table["revenue"].to_numpy())


def unit_change(seed: int) -> World:
    """From half way on the KPI is counted with a value added tax of 19 %."""
    world = walking(seed)
    rows = len(world.table)
    return _changed(
        world,
        "unit_change",
        world.table["revenue"].to_numpy() * np.where(np.arange(rows) >= rows // 2, 1.19, 1),
    )


def events_moved(seed: int) -> World:
    """A peak of a quarter in two weeks a year, whose indicator, by a date convention, stands a week early."""
    world = walking(seed)
    week = world.table["week_start"]
    peak = ((week.dt.month == 11) & (week.dt.day > 20) & (week.dt.day <= 27)).to_numpy()
    peak = peak | ((week.dt.month == 12) & (week.dt.day > 15) & (week.dt.day <= 22)).to_numpy()
    early = np.append(peak[1:], False).astype(float)
    revenue = world.table["revenue"].to_numpy() + 0.25e6 * peak
    found = _changed(world, "events_moved", revenue, peak=early)
    return replace(found, job=world.job.with_(controls=(*world.job.controls, "peak")))


KINDS: dict[str, Callable[[int], World]] = {
    kind.__name__: kind
    for kind in (
        structural_break, unit_change, outlier_year, multiplicative, short_history,
        confounded_search, wrong_carryover, noise_channel, events_moved,
    )
}  # fmt: skip
"""Kinds by name, those that a gate exists for first."""

GATED: dict[str, str] = {
    "structural_break": "breaks",
    "unit_change": "breaks",
    "outlier_year": "breaks",
    "multiplicative": "coverage",
    "short_history": "history",
}
"""The ERROR check that exists for a kind. For the others there is none, and the table says so."""
