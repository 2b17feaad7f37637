"""Where chains start: far apart, so that chains which settle in different places are seen to differ.

R-hat compares chains, and chains that all start at one point find one mode of several and agree on it. So they start
more widely spread than the prior, and evenly: of every parameter the chains take one quantile each of a normal around
the middle of its prior (a Latin hypercube), so that with four chains one starts in each quarter. A start from which a
chain cannot move, as the density around it is 0 or not a number, is drawn again, nearer to the middle each time.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from scipy.special import ndtri

from mmm_core.errors import InputError, listed
from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.program import Programs
from mmm_core.inference.hmc.state import ChainState, Schedule, Start, Trace
from mmm_core.model.replay import TEST_WEIGHT

# Prior sd (unconstrained scale) that chains are spread by around the middle of the priors: wider than the priors.
START_SPREAD = 1.5

# What is sampled of the heavy tails of lift tests starts this much lower: every test nearly set aside. A chain that
# began with a wrong result met would bend everything else to it, and stay there: the KPI finds its place first.
LOWER = {TEST_WEIGHT: np.log(1e4)}

# Times that a start which leads nowhere is drawn again, half as far from the middle each time.
REDRAWS = 5

# A chain that moves less than this (sd) in a block of iterations stands still.
STILL = 1e-8


def first_points(
    programs: Programs, arrays: Any, schedule: Schedule, seed: int, start: Start | None, redraw: int = 0
) -> ChainState:
    """First positions: spread widely around the middle of the priors, or where an earlier run ended.

    Args:
        redraw: how often they were drawn before.

    Raises:
        InputError: a prior has no middle.
    """
    shape = (schedule.chains, programs.size)
    if continues(programs, start):
        assert start is not None
        position = start.position[np.arange(schedule.chains) % len(start.position)]
    else:
        middle, sd = (np.asarray(part, dtype=float) for part in programs.prior_scale(arrays))
        rng = np.random.default_rng([seed, 1, redraw])
        lower = np.array([LOWER.get(name, 0.0) for name in programs.names])
        position = middle - lower + START_SPREAD / 2**redraw * sd * _evenly_spread(rng, *shape)
    if not np.isfinite(position).all():
        raise InputError(
            "the priors leave no finite point to start from: look for a prior with a zero or huge scale"
        )
    return ChainState(position, np.full(schedule.chains, np.inf), np.zeros(shape))


def continues(programs: Programs, start: Start | None) -> bool:
    """Whether the chains start where an earlier run ended."""
    return start is not None and start.position.shape[1] == programs.size


def stuck_chains(trace: Trace, metric: Metric) -> np.ndarray:
    """Numbers of the chains that did not move in a whole block of warm-up.

    While the step size is tuned, a dozen rejections make it so small that any density which is finite around a point
    lets the chain move, and then grows again: a chain that never moved has met nothing but nan or a density of 0, and
    would go on rejecting.

    Args:
        metric: of the block.
    """
    sd = np.sqrt(np.concatenate([np.diag(metric.covariance), metric.variance]))
    return np.flatnonzero((np.ptp(trace.position, axis=1) <= STILL * sd).all(axis=1))


def replaced(points: ChainState, chains: np.ndarray, by: ChainState) -> ChainState:
    """The points with those of some chains replaced."""
    fields = [np.array(field) for field in points]
    for field, other in zip(fields, by, strict=True):
        field[chains] = np.asarray(other)[chains]
    return ChainState(*fields)


def refuse_stuck_chains(chains: ChainState, stuck: np.ndarray, names: tuple[str, ...]) -> NoReturn:
    """Raise InputError for chains that cannot move.

    Args:
        names: the site of each entry.
    """
    potential, gradient = np.asarray(chains.potential)[stuck], np.asarray(chains.gradient)[stuck]
    who = f"chain {stuck[0] + 1} starts" if len(stuck) == 1 else f"chains {listed(stuck + 1)} start"
    if not np.isfinite(potential).all():
        fault = f"the posterior's density is 0 or not a number where {who}"
    elif not np.isfinite(gradient).all():
        entries = np.flatnonzero(~np.isfinite(gradient).all(axis=0))
        sites = dict.fromkeys(names[entry] for entry in entries)
        fault = f"the gradient of the posterior's density is not a number where {who} (in {listed(sites)})"
    else:
        fault = f"the posterior's density is 0 or not a number everywhere around the point where {who}"
    raise InputError(
        f"{fault}: look for a prior with a zero or huge scale, for a shape or a likelihood term of your own that "
        "divides by 0 or takes the logarithm of 0, and for values in the table that are far too large"
    )


def _evenly_spread(rng: np.random.Generator, chains: int, size: int) -> np.ndarray:
    """Standard normal numbers (chain, entry), of every entry one in each of as many equally likely ranges."""
    ranges = rng.permuted(np.tile(np.arange(chains)[:, None], size), axis=0)
    return np.asarray(ndtri((ranges + rng.uniform(size=(chains, size))) / chains))
