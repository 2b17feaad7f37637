"""A vector autoregression of what is measured with error, states and coefficients together.

A survey tells of a metric now and then; a short-term model tells of base sales every week, with noise. States that are
drawn beforehand, with no idea of media or of the other variables, tell little of either: effects on a metric asked
about once a month come out several times too small, and noise is taken for shocks of the base's own. Here the
autoregression itself says how the states move. Each step of the sampler draws

    the hyperparameters given the weekly states, the coefficients integrated out (one Metropolis step),
    the coefficients and the covariance given both, exactly (`mmm_core.long_term.conjugate`),
    the weekly states given the coefficients, the measurements and what is known, exactly (`mmm_core.long_term.states`),
    the covariance, and the states with it, given the shocks instead (`mmm_core.long_term.interweaving`), where no
    variable is known exactly.

The last is what makes the chains mix: given the states of 200 weeks the size of the shocks hardly moves, though waves
now and then tell little of it.

Of known or measured variables that are draws themselves (an MMM's base) each kept draw uses another one, and the steps
between two kept draws let the chain settle on it: neither the surveys nor the autoregression change what the first
stage says of media, of season and of its noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.coefficients import Coefficients, labelled
from mmm_core.long_term.conjugate import Moments, factors
from mmm_core.long_term.fit import Prepared, prepare
from mmm_core.long_term.independent import Equations, Restrictions, restricted_step, restrictions, strengths
from mmm_core.long_term.interweaving import believed, given_shocks
from mmm_core.long_term.loops import chains_last, coefficients_drawn, moments_of_weeks, residuals
from mmm_core.long_term.measured import BEGIN, WIDE, Known, begun, known_of, noise_of
from mmm_core.long_term.minnesota import Minnesota, Scales, centre, scales
from mmm_core.long_term.series import Series, series
from mmm_core.long_term.states import (
    Start,
    Waves,
    Weekly,
    band_of,
    draw_states,
    in_levels,
    measured_states,
    of_waves,
)
from mmm_core.long_term.survey import START_SD, Observations, observations, weekly_noise
from mmm_core.long_term.tightness import Hierarchy, ToldByTightness, optimum
from mmm_core.posterior.mixing import statistics
from mmm_core.threads import one_blas_thread

CHAINS = 16
DRAWS = 1000
STEPS = 36
WARMUP = 240
MOST_RHAT, LEAST_ESS = 1.1, 100.0
"""From which on chains tell the same: worse than that, no figure may be read."""
FEW_DRAWS = 400
"""Fewer are no more worth than `LEAST_ESS` even where chains hardly remember the draw before."""
SHOCKS_EVERY = 3
"""Every so many steps the shocks are held instead of the states: each time costs as much as the rest of a step."""
START_STEP = 2.0
"""Sd of a week's change before the first row, in units of the weekly noise."""
STRIDE = 0.35
"""Sd of a Metropolis step in the logarithm of the hyperparameters."""


class _Given(NamedTuple):
    """What a chain works on, in the prior's units."""

    ready: Prepared
    given: Series  # in the prior's units
    waves: Waves
    latent: np.ndarray  # positions of the variables that are states
    start: Start


class _Round(NamedTuple):
    """What the chains are told of the known variables until the next kept draw."""

    path: np.ndarray  # levels of those known exactly, (chain, week, known)
    weekly: Weekly | None  # measurements of the others


@one_blas_thread
def fit_tracked_bvar(
    known: pd.DataFrame | xr.DataArray,
    surveys: Mapping[str, pd.DataFrame],
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    *,
    noise: xr.DataArray | None = None,
    lags: int = 2,
    media_lags: int = 0,
    prior: Minnesota | None = None,
    differenced: tuple[str, ...] = (),
    enters: Mapping[str, Sequence[str]] | None = None,
    signs: Mapping[str, Mapping[str, int]] | None = None,
    cross: float = 1.0,
    chains: int = CHAINS,
    draws: int = DRAWS,
    steps: int = STEPS,
    warmup: int = WARMUP,
    doublings: int = 0,
    seed: int = 0,
) -> xr.Dataset:
    """Draws of a vector autoregression whose metrics are weekly states behind surveys.

    Args:
        known: variables known every week, or draws of them, as the `variables` of `fit_bvar`: the base, as a rule.
        noise: sd of the errors that `known` measures its variables with, (week, variable) or (draw, week, variable),
            infinite in a week without a measurement; the variables are then states as the metrics are. Without, they
            are known exactly.
        surveys: by metric, waves as `mmm_core.long_term.survey.weekly_states` takes them. Their variables are logits
            and stand before the known ones.
        media, terms, lags, media_lags, prior, seed: as of `fit_bvar`.
        differenced: of the known variables.
        enters, signs, cross: as of `mmm_core.long_term.independent.fit_restricted_bvar`. With any of them the prior is
            that of the restricted model, its tightness what the unrestricted one settles on in the first half of the
            warm-up.
        chains: how many. draws: kept ones of all chains together; of a known variable that is draws, as many as
            those.
        steps: of the sampler between two kept draws. warmup: steps before the first.
        doublings: how often the chains go on from where they are with twice the steps while they do not tell the same
            (`MOST_RHAT`, `LEAST_ESS`); only the last draws are kept. Fewer draws than `FEW_DRAWS` stay as they
            are.

    Returns:
        As `fit_bvar`: `observed` and `modelled` hold the states of each draw. Attributes `states` (how many variables
        are), `rhat` (largest) and `ess` (smallest) of the coefficients, of chains (each split in two), `steps` that
        were taken between two kept draws.

    Raises:
        InputError: as `fit_bvar` and `weekly_states`; no survey, or a metric in `differenced`.
    """
    prior = Minnesota() if prior is None else prior
    task = task_of(known, surveys, media, terms, noise=noise, differenced=differenced, seed=seed)
    ready = prepare(task.given, lags, media_lags, prior, units=task.units)
    rules = None
    if enters or signs or cross != 1.0:
        rules = _Rules(restrictions(task.given, ready.layout, enters or {}, signs or {}), cross)
    table = task.table
    kept = table.draws if table.draws > 1 else draws
    length: dict[str, Any] = {"chains": chains, "warmup": warmup, "rules": rules}
    found = sampled(task, ready, kept, steps=steps, seed=seed, **length)
    rhat, ess = _mixed(found.coefficients)
    for doubling in range(1, doublings + 1):
        if kept < FEW_DRAWS or not (rhat > MOST_RHAT or ess < LEAST_ESS):
            break
        steps *= 2
        found = sampled(
            task, ready, kept, steps=steps, seed=(seed, doubling), begin=found.levels[-1], **length
        )
        rhat, ess = _mixed(found.coefficients)
    out = _labelled(found, kept, task.given, ready, len(task.latent))
    out = out.assign_coords(draw=table.draw if table.draws > 1 else np.arange(kept))
    return out.assign_attrs(chains=chains, rhat=rhat, ess=ess, steps=steps, seed=seed)


class Task(NamedTuple):
    """What is to be explained, whatever the number of lags."""

    table: Known
    seen: list[Observations]
    given: Series  # as the chains begin
    units: Scales

    @property
    def latent(self) -> np.ndarray:
        """Positions of the variables that are states: metrics, and what is measured with an error."""
        return np.arange(len(self.seen) + (0 if self.table.variance is None else len(self.table.names)))

    def with_terms(self, terms: pd.DataFrame | None) -> Task:
        """The same measurements and units, explained with other deterministic terms."""
        given = self.given.with_terms(terms)
        return self._replace(given=given, units=self.units._replace(terms=scales(given).terms))


def task_of(
    known: pd.DataFrame | xr.DataArray,
    surveys: Mapping[str, pd.DataFrame],
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    *,
    noise: xr.DataArray | None = None,
    differenced: tuple[str, ...] = (),
    seed: int = 0,
) -> Task:
    """Check the series and state the units; arguments and errors of `fit_tracked_bvar`."""
    wrong = [name for name in differenced if name in surveys]
    if not surveys or wrong:
        raise InputError(
            f"a metric behind a survey is a level: leave {wrong[0]} out of differenced"
            if wrong
            else "no survey is given: fit_bvar takes variables that are all known"
        )
    table = known_of(known, noise)
    seen = {name: observations(waves, table.weeks) for name, waves in surveys.items()}
    noises = [*(weekly_noise(each) for each in seen.values()), *noise_of(table)]
    given = series(begun(table, seen, noises, seed), media, terms, differenced)
    units = scales(given)
    units.variables[: len(noises)] = noises  # of what is measured, not of a path that was drawn of it
    return Task(table, list(seen.values()), given, units)


def sampled(
    task: Task,
    ready: Prepared,
    kept: int,
    *,
    chains: int = CHAINS,
    steps: int = STEPS,
    warmup: int = WARMUP,
    seed: int | tuple[int, int] = 0,
    rules: _Rules | None = None,
    begin: np.ndarray | None = None,
) -> Draws:
    """Run the chains for so many draws of all together, or a few more.

    Args:
        ready: `prepare` of the task's series and units; its first row may be a later week than its lags ask for.
        begin: levels to start from in the prior's units, (chain, week, n); by default the task's.
    """
    table, seen = task.table, task.seen
    rounds = -(-kept // chains)
    places = (np.arange(rounds * chains) % table.draws).reshape(rounds, chains)
    if begin is None:
        begin = task.given.observed[np.arange(chains) % BEGIN] / task.units.variables
    of_known = task.units.variables[len(seen) :]
    told = [
        _Round(table.values[which] / of_known, table.weekly(which, of_known, len(seen))) for which in places
    ]
    work = _in_units(task, ready)
    return _chains(work, begin, told, (steps, warmup), np.random.default_rng(seed), rules)


def _in_units(task: Task, ready: Prepared) -> _Given:
    table, seen, given, units = task
    metrics = len(seen)
    measured = 0 if table.variance is None else len(table.names)
    scale = units.variables[: metrics + measured]
    nothing = [np.zeros((0, len(table.weeks)))] * measured, [np.zeros(0)] * measured
    waves = of_waves(
        [each.days for each in seen] + nothing[0],
        [each.measured / unit for each, unit in zip(seen, scale, strict=False)] + nothing[1],
        [each.variance / unit**2 for each, unit in zip(seen, scale, strict=False)] + nothing[1],
    )
    scaled = replace(
        given,
        media=given.media / units.media,
        deterministic=given.deterministic / units.terms[1:],
    )
    of_known = table.values[..., :measured]
    middle = np.array([each.measured.mean() for each in seen] + list(of_known.mean((0, 1)))) / scale
    wide = np.array([START_SD] * metrics + list(WIDE * of_known.std((0, 1)))) / scale
    return _Given(ready, scaled, waves, task.latent, Start(middle, wide, START_STEP))


def changes(levels: np.ndarray, given: Series) -> np.ndarray:
    """Variables as modelled, the differenced ones' changes, (draw, week, n), of all variables' levels."""
    if not given.differenced:
        return levels
    return np.where(given.is_differenced, np.diff(levels, axis=1), levels[:, 1:])


class _Rows(NamedTuple):
    """What of every chain's regression stays from step to step."""

    fixed: np.ndarray  # media and terms of the last `row` weeks, (row, F)
    columns: np.ndarray  # the same a row each, (F, row)
    products: np.ndarray  # of those, (F, F)
    own: np.ndarray  # prior mean of each variable's own first lag, (n,)
    moved: np.ndarray  # (n,), whether its change is modelled

    @classmethod
    def of(cls, work: _Given) -> _Rows:
        """Of the problem's rows."""
        layout, given, problem = work.ready.layout, work.given, work.ready.problem
        one = replace(given, modelled=given.modelled[:1])
        rows = one.regression(layout.lags, layout.media_lags, len(given.weeks) - problem.known.rows)
        fixed = rows.regressors[0, :, layout.media.start :].copy()
        columns = np.ascontiguousarray(fixed.T)
        own = np.asarray(problem.own_lags, dtype=float)
        return cls(fixed, columns, columns @ fixed, own, given.is_differenced)

    def moments(self, levels: np.ndarray, lags: int) -> Moments:
        """Of all rows about the prior mean, given all variables' levels, (week, n, chain)."""
        found = moments_of_weeks(levels, self.moved, self.columns, self.products, self.own, lags)
        return Moments(len(self.fixed), *found)

    def expected(self, coefficients: np.ndarray) -> np.ndarray:
        """What media and terms bring, (row, n, chain), of their coefficients (F, n, chain)."""
        flat = self.fixed @ coefficients.reshape(len(coefficients), -1)
        return np.asarray(flat).reshape(-1, *coefficients.shape[1:])


class _Rules(NamedTuple):
    """A prior that differs between equations."""

    restrictions: Restrictions
    cross: float


class Draws(NamedTuple):
    """Kept draws in the prior's units, (round, chain, ...)."""

    coefficients: np.ndarray  # (round, chain, K, n)
    covariance: np.ndarray  # (round, chain, n, n)
    levels: np.ndarray  # of all variables, (round, chain, week, n)
    tightness: np.ndarray  # (round, chain, hyperparameter)


def _chains(
    work: _Given,
    begin: np.ndarray,
    told: Sequence[_Round],
    length: tuple[int, int],
    rng: np.random.Generator,
    rules: _Rules | None,
) -> Draws:
    """All chains at once.

    Args:
        begin: levels to start from, (chain, week, n). told: of each round.
        length: steps between two rounds, and more before the first.
    """
    steps, warmup = length
    problem, layout, latent = work.ready.problem, work.ready.layout, work.latent
    middle = centre(layout, problem.own_lags)
    chains, variables = len(begin), layout.variables
    rows, levels = _Rows.of(work), chains_last(begin)
    order = layout.lags + bool(rows.moved.any())
    first = len(levels) - len(rows.fixed)
    best = np.log(np.clip(optimum(problem, draws=1), 2e-3, 5e2))
    held = problem.told_by(np.tile(best, (chains, 1)))
    restricted: _Restricted | None = None
    rounds: list[tuple[np.ndarray, ...]] = []
    for number, now in enumerate(told):
        exact = now.path[..., now.path.shape[-1] - (variables - len(latent)) :]
        levels[:, len(latent) :] = np.moveaxis(exact, 0, -1)
        measured = measured_states(work.waves, work.start, now.weekly, chains, order, first)
        for step in range(steps + (warmup if number == 0 else 0)):
            about = rows.moments(levels, layout.lags)
            if rules is not None and restricted is None and step >= warmup // 2:
                # the tightness of all chains together, from here on
                held = problem.told_by(np.broadcast_to(held.logs.mean(0), held.logs.shape))
                restricted = _Restricted.of(problem, np.exp(held.logs[0]), rules, chains)
            if restricted is None:
                held, *factors = _moved(problem, held, about, rng)
                deviation, sigma, inverse = _coefficients(problem, factors, rng)
            else:
                deviation, sigma = restricted.step(about, problem.degrees, rng)
                inverse = restricted.inverse
            coefficients = chains_last(deviation + middle)
            expected = rows.expected(coefficients[layout.media.start :])
            lags = coefficients[: layout.media.start].reshape(layout.lags, variables, variables, chains)
            of_levels = np.ascontiguousarray(in_levels(lags.swapaxes(1, 2), rows.moved))
            band = band_of(of_levels, chains_last(inverse), expected, levels, latent, measured)
            levels[:, latent] = draw_states(band, rng).reshape(-1, len(latent), chains)
            if len(latent) == variables and step % SHOCKS_EVERY == 0:
                if restricted is None:
                    belief = believed(deviation, held.precision, held.dummies, problem.degrees)
                else:
                    belief = believed(deviation, None, restricted.added, problem.degrees)
                shocks = residuals(levels, of_levels, expected)
                sigma, levels = given_shocks(sigma, belief, shocks, of_levels, levels, measured, rng)
                if restricted is not None:
                    restricted.inverse = np.linalg.inv(sigma)
        rounds.append((deviation + middle, sigma, np.moveaxis(levels, -1, 0).copy(), np.exp(held.logs)))
    return Draws(*(np.stack(part) for part in zip(*rounds, strict=True)))


class _Restricted:
    """The chains' coefficients and covariances under restrictions."""

    def __init__(self, equations: Equations, added: Moments, chains: int) -> None:
        self.equations, self.added = equations, added
        self.beta = equations.begin(chains)
        variables = equations.shape[1]
        self.inverse = np.broadcast_to(np.eye(variables), (chains, variables, variables))

    @classmethod
    def of(cls, problem: Hierarchy, tightness: np.ndarray, rules: _Rules, chains: int) -> _Restricted:
        """At a tightness, (free,)."""
        strength = strengths(problem.precision(tightness), problem.layout, rules.cross)
        return cls(Equations.of(strength, rules.restrictions), problem.dummies(tightness), chains)

    def step(self, about: Moments, degrees: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Deviations of the coefficients (chain, K, n), and Sigma (chain, n, n)."""
        now, self.inverse = restricted_step(
            self.equations, about + self.added, self.beta, self.inverse, degrees, rng
        )
        return now, np.linalg.inv(self.inverse)


def _moved(
    problem: Hierarchy, held: ToldByTightness, about: Moments, rng: np.random.Generator
) -> tuple[ToldByTightness, np.ndarray, np.ndarray, np.ndarray]:
    """A Metropolis step of each chain's hyperparameters, in logarithms, the coefficients integrated out.

    Returns:
        What they say; R, R^{-1}C and S (`mmm_core.long_term.conjugate`) of the rows under them.
    """
    if not held.logs.size:
        return held, *factors(about + held.dummies, held.precision)[:3]
    proposed = problem.told_by(held.logs + STRIDE * rng.standard_normal(held.logs.shape))
    both = ToldByTightness.joined(held, proposed)
    root, white, scale, logs = factors(about.twice() + both.dummies, both.precision)
    degrees = problem.degrees + about.rows + held.dummies.rows
    density = both.log_density - 0.5 * (degrees * logs[:, 1] + about.square.shape[-1] * logs[:, 0])
    chains = len(held.logs)
    accepted = np.log(rng.random(chains)) + density[:chains] < density[chains:]
    taken = np.arange(chains) + chains * accepted
    return both.at(taken), root[taken], white[taken], scale[taken]


def _coefficients(
    problem: Hierarchy, factors: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deviations of the coefficients (chain, K, n), Sigma and its inverse (chain, n, n), of R, R^{-1}C and S."""
    chains, _, variables = factors[1].shape
    rows = problem.known.rows + problem.dummy_rows
    bartlett = rng.standard_normal((chains, variables, variables))
    freedom = problem.degrees + rows - np.arange(variables)
    bartlett[:, range(variables), range(variables)] = np.sqrt(rng.chisquare(freedom, (chains, variables)))
    return coefficients_drawn(*factors, rng.standard_normal(factors[1].shape), bartlett)


def _labelled(found: Draws, kept: int, given: Series, ready: Prepared, states: int) -> xr.Dataset:
    units, layout = ready.units, ready.layout
    coefficients, covariance, levels, tightness = (
        part.reshape(part.shape[0] * part.shape[1], *part.shape[2:])[:kept] for part in found
    )
    coefficients = coefficients * units.variables / units.regressors(layout)[:, None]
    covariance = covariance * units.variables * units.variables[:, None]
    observed = levels * units.variables
    modelled = changes(observed, given)
    drawn = replace(given, observed=observed, modelled=modelled)
    out = labelled(Coefficients.stacked(coefficients, covariance, layout, given.is_differenced), drawn)
    out["prior_scale"] = ("equation",), units.variables
    out["tightness"] = ("draw", "hyperparameter"), tightness
    out = out.assign_coords(hyperparameter=list(ready.problem.names))
    out.attrs = {
        "sampler": "gibbs",
        "states": states,
        "lags": layout.lags,
        "media_lags": layout.media_lags,
        "rows": ready.problem.known.rows,
        "first_row": len(given.weeks) - ready.problem.known.rows,
        "prior": repr(ready.problem.prior),
    }
    return out


def _mixed(stacked: np.ndarray) -> tuple[float, float]:
    """Largest R-hat and smallest bulk effective sample size of the coefficients, (round, chain, K, n)."""
    if len(stacked) < 4:
        return float("nan"), float("nan")
    flat = stacked.reshape(*stacked.shape[:2], -1)
    flat = flat[..., np.ptp(flat, axis=(0, 1)) > 0]  # a coefficient that is left out never moves
    rhat, ess, _ = statistics(flat.transpose(2, 1, 0))
    return float(rhat.max()), float(ess.min())
