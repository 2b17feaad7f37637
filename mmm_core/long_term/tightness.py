"""How tight the prior is, learnt from the data (Giannone, Lenza and Primiceri 2015).

The coefficients and the covariance are integrated out in closed form, so that a handful of hyperparameters is all
that is left:

    p(theta | Y) ~ p(Y, dummies | theta) / p(dummies | theta) x product of Gamma densities.

`optimum` is its mode. `sample` draws from it by a Metropolis chain whose proposals do not depend on where it stands:
a Student t around the mode in log theta, wider in its tails than what it proposes for. Of known series, all proposals
are evaluated at once and one chain runs through them. Of series known as draws every draw has a posterior of its own
and runs a chain of its own, started from a proposal; its last state is kept, so that draws are independent. The share
of
proposals accepted is reported: after k steps a chain is off by less than (1 - a)^k in total variation, a the smallest
chance of acceptance anywhere.

The average of the proposals' weights is the evidence with theta integrated out, which is what lag orders are compared
by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

from mmm_core.long_term.conjugate import Moments, chunks, joined, log_marginal_likelihood
from mmm_core.long_term.minnesota import (
    Minnesota,
    Start,
    Tightness,
    dummies,
    dummy_sets,
    log_likelihood_of_dummies,
    precision,
)
from mmm_core.long_term.series import Layout

STEPS = 20
"""Steps of each draw's own chain."""
BURN = 50
"""Steps of the one chain before the first that is kept."""
PROPOSAL_DEGREES = 6
WIDENED = 1.2
"""Factor on the proposal's standard deviations."""
LOOKED_AT = 8
"""Draws of the series whose modes a proposal for all draws is made of."""
NARROWEST, WIDEST = np.log(1e-3), np.log(1e3)
"""What theta may be, in logarithms."""


class ToldByTightness(NamedTuple):
    """What hyperparameters say whatever the rows, one set a chain."""

    logs: np.ndarray  # log theta, (chain, free)
    precision: np.ndarray  # k, (chain, K)
    dummies: Moments
    log_density: np.ndarray  # of log theta and the rows, without what the rows add and a constant, (chain,)

    @classmethod
    def joined(cls, one: ToldByTightness, other: ToldByTightness) -> ToldByTightness:
        """One behind the other."""
        logs, precision, log_density = (np.concatenate([one[place], other[place]]) for place in (0, 1, 3))
        return cls(
            logs,
            precision,
            joined([one.dummies, other.dummies]) if one.dummies.rows else one.dummies,
            log_density,
        )

    def at(self, which: np.ndarray) -> ToldByTightness:
        """Of some chains."""
        dummies = self.dummies.at(which) if self.dummies.rows else self.dummies
        return ToldByTightness(self.logs[which], self.precision[which], dummies, self.log_density[which])


@dataclass(frozen=True)
class Hierarchy:
    """A regression with a prior whose tightness is open.

    Attributes:
        known: moments of the data's rows about the prior mean, in the prior's units.
        start: what the dummy observations are made of. own_lags: prior means.
        degrees: of the inverse-Wishart prior.
    """

    layout: Layout
    prior: Minnesota
    known: Moments
    start: Start
    own_lags: np.ndarray
    degrees: float

    @property
    def names(self) -> tuple[str, ...]:
        """The free hyperparameters."""
        return tuple(self.prior.free(self.layout))

    def tightness(self, values: np.ndarray) -> Tightness:
        """All hyperparameters, of the free ones' values (..., free)."""
        return self.prior.tightness(self.layout, values)

    @cached_property
    def dummy_sets(self) -> tuple[Moments, Moments]:
        """Both sets of dummy observations at a tightness of 1."""
        return dummy_sets(self.layout, self.start, self.own_lags)

    @cached_property
    def dummy_rows(self) -> int:
        """How many dummy observations there are."""
        return self.dummies(np.ones(len(self.names))).rows

    @cached_property
    def _no_dummies(self) -> Moments:
        return self.dummies(np.ones(len(self.names)))

    def precision(self, values: np.ndarray) -> np.ndarray:
        """Prior precision of the coefficients, (..., K)."""
        return precision(self.prior, self.layout, self.tightness(values))

    def dummies(self, values: np.ndarray) -> Moments:
        """Moments of the dummy observations."""
        return dummies(self.dummy_sets, self.tightness(values))

    def log_likelihood(self, values: np.ndarray, known: Moments | None = None) -> np.ndarray:
        """log p(Y | theta), (...), in the prior's units."""
        tight = self.tightness(values)
        strength, added = precision(self.prior, self.layout, tight), dummies(self.dummy_sets, tight)
        with_data = (self.known if known is None else known) + added
        found = log_marginal_likelihood(with_data, strength, self.degrees)
        if added.rows:
            found = found - log_likelihood_of_dummies(
                self.prior, self.layout, self.start, self.own_lags, tight, self.degrees
            )
        return found

    def log_density(self, values: np.ndarray, known: Moments | None = None) -> np.ndarray:
        """log p(Y | theta) p(theta), (...)."""
        found = self.log_likelihood(values, known)
        for position, belief in enumerate(self.prior.free(self.layout).values()):
            found = found + belief.log_density(values[..., position])
        return found

    def log_density_of_logs(self, points: np.ndarray, known: Moments | None = None) -> np.ndarray:
        """log p(log theta | Y), (...), of points in log theta."""
        inside = np.clip(points, NARROWEST, WIDEST)
        found = self.log_density(np.exp(inside), known) + points.sum(-1)
        return np.where((points == inside).all(-1), found, -np.inf)

    @cached_property
    def _log_precision(self) -> tuple[np.ndarray, np.ndarray]:
        """log k at a tightness of 1, (K,), and what a unit of each log theta adds to it, (free, K)."""
        free = len(self.names)
        at_one = np.log(self.precision(np.ones(free)))
        return at_one, np.log(self.precision(np.exp(np.eye(free)))) - at_one

    def told_by(self, logs: np.ndarray) -> ToldByTightness:
        """All that log theta, (chain, free), says by itself: what stays while the rows change."""
        inside = np.clip(logs, NARROWEST, WIDEST)
        values = np.exp(inside)
        at_one, slopes = self._log_precision
        log_precision = at_one + inside @ slopes
        found = 0.5 * self.layout.variables * log_precision.sum(-1) + logs.sum(-1)
        for position, belief in enumerate(self.prior.free(self.layout).values()):
            found = found + belief.log_density(values[..., position])
        added = self.dummies(values) if self.dummy_rows else self._no_dummies
        if added.rows:
            found = found - log_likelihood_of_dummies(
                self.prior, self.layout, self.start, self.own_lags, self.tightness(values), self.degrees
            )
        log_density = np.where((logs == inside).all(-1), found, -np.inf)
        return ToldByTightness(logs, np.exp(log_precision), added, log_density)

    def alone(self, draws: int = LOOKED_AT) -> list[Hierarchy]:
        """The same of single draws of the series, some of them, evenly spread; itself where the series are known."""
        known = self.known
        if known.gram.ndim == 2:
            return [self]
        places = np.unique(np.linspace(0, len(known.gram) - 1, draws).astype(int))
        return [
            replace(self, known=Moments(known.rows, known.gram[i], known.cross[i], known.square[i]))
            for i in places
        ]


class Sampled(NamedTuple):
    """Draws of the free hyperparameters."""

    values: np.ndarray  # (draw, free)
    acceptance: float  # share of proposals accepted; 1 where there is nothing to learn
    log_evidence: float  # log p(Y), theta integrated out, in the prior's units; nan of series known as draws


def optimum(problem: Hierarchy, draws: int = LOOKED_AT) -> np.ndarray:
    """The mode of p(theta | Y), (free,); of series known as draws, the geometric mean of so many draws' modes."""
    if not problem.names:
        return np.zeros(0)
    modes = [_mode(single, lambda logs: single.log_density(np.exp(logs))) for single in problem.alone(draws)]  # noqa: B023
    return np.asarray(np.exp(np.mean(modes, axis=0)))


def sample(problem: Hierarchy, draws: int, rng: np.random.Generator) -> Sampled:
    """Draws of theta: of the one posterior, or one of each draw of the series (then as many as those)."""
    common = problem.known.gram.ndim == 2
    if not problem.names:
        evidence = float(problem.log_likelihood(np.zeros(0))) if common else float("nan")
        return Sampled(np.zeros((draws, 0)), 1.0, evidence)
    proposal = _proposal(problem)
    if common:
        return _one_chain(problem, proposal, draws, rng)
    return _chain_each(problem, proposal, draws, rng)


class _Proposal(NamedTuple):
    """A multivariate Student t in log theta."""

    mode: np.ndarray
    root: np.ndarray

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """(*shape, free)."""
        noise = rng.standard_normal((*shape, len(self.mode)))
        wide = np.sqrt(PROPOSAL_DEGREES / rng.chisquare(PROPOSAL_DEGREES, (*shape, 1)))
        return self.mode + (noise * wide) @ self.root.T

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """(...), of points (..., free)."""
        size, degrees = len(self.mode), PROPOSAL_DEGREES
        away = np.linalg.solve(self.root, (points - self.mode)[..., None])[..., 0]
        constant = gammaln((degrees + size) / 2) - gammaln(degrees / 2) - size / 2 * np.log(degrees * np.pi)
        constant -= np.log(np.diagonal(self.root)).sum()
        return np.asarray(constant - (degrees + size) / 2 * np.log1p((away**2).sum(-1) / degrees))


def _proposal(problem: Hierarchy) -> _Proposal:
    """A Student t as wide as the posterior; of series known as draws, as wide as some draws' posteriors together."""
    modes, covariances = [], []
    for single in problem.alone():
        mode = _mode(single, single.log_density_of_logs)
        curvature, vectors = np.linalg.eigh(-_second_differences(single.log_density_of_logs, mode))
        modes.append(mode)
        covariances.append((vectors / np.clip(curvature, 0.1, None)) @ vectors.T)
    apart = np.array(modes) - np.mean(modes, axis=0)
    covariance = np.mean(covariances, axis=0) + apart.T @ apart / len(modes)
    return _Proposal(np.mean(modes, axis=0), WIDENED * np.linalg.cholesky(covariance))


def _mode(problem: Hierarchy, target: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Where a function of log theta (points, free) is largest, from the Gamma priors' modes."""
    begin = np.log([belief.mode for belief in problem.prior.free(problem.layout).values()])
    step = 1e-5 * np.eye(len(begin))

    def value_and_slope(point: np.ndarray) -> tuple[float, np.ndarray]:
        values = target(np.concatenate([point[None], point + step, point - step]))
        up, down = np.split(values[1:], 2)
        return -float(values[0]), -(up - down) / 2e-5

    bounds = [(NARROWEST + 0.01, WIDEST - 0.01)] * len(begin)  # differences are taken on either side
    return np.asarray(minimize(value_and_slope, begin, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _second_differences(target: Callable[[np.ndarray], np.ndarray], point: np.ndarray) -> np.ndarray:
    size, width = len(point), 1e-3
    step = width * np.eye(size)
    corners = [point + a * step[i] + b * step[j] for i in range(size) for j in range(size) for a, b in _SIGNS]
    values = target(np.array(corners)).reshape(size, size, 4)
    found = (values @ [1.0, -1.0, -1.0, 1.0]) / (4 * width**2)
    return np.asarray((found + found.T) / 2)


_SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def _one_chain(problem: Hierarchy, proposal: _Proposal, draws: int, rng: np.random.Generator) -> Sampled:
    points = proposal.draw((BURN + draws,), rng)
    parts = [
        problem.log_density_of_logs(points[part])
        for part in chunks(len(points), problem.layout.regressors**2)
    ]
    weight = np.concatenate(parts) - proposal.log_density(points)
    threshold = np.log(rng.random(len(points)))
    states = np.zeros(len(points), dtype=int)
    for step in range(1, len(points)):
        now = states[step - 1]
        states[step] = step if threshold[step] + weight[now] < weight[step] else now
    accepted = float(np.mean(np.diff(states) > 0)) if len(points) > 1 else 1.0
    evidence = float(logsumexp(weight) - np.log(len(weight)))
    return Sampled(np.exp(points[states[BURN:]]), accepted, evidence)


def _chain_each(problem: Hierarchy, proposal: _Proposal, draws: int, rng: np.random.Generator) -> Sampled:
    points = proposal.draw((STEPS + 1, draws), rng)
    threshold = np.log(rng.random((STEPS + 1, draws)))
    state, weight = points[0].copy(), np.full(draws, -np.inf)
    accepted = 0
    for step in range(STEPS + 1):
        new = np.empty(draws)
        for part in chunks(draws, problem.layout.regressors**2):
            known = problem.known.at(part)
            new[part] = problem.log_density_of_logs(points[step, part], known)
        new -= proposal.log_density(points[step])
        moved = (threshold[step] + weight < new) | (step == 0)
        state[moved], weight[moved] = points[step, moved], new[moved]
        accepted += int(moved.sum()) if step else 0
    return Sampled(np.exp(state), accepted / (STEPS * draws), float("nan"))
