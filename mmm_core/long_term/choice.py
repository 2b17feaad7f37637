"""Which autoregression, where variables are states behind measurements: how many lags, with a trend or without.

Given the weekly states s and the tightness theta, log p(s, theta | alternative) is known in closed form
(`mmm_core.long_term.tightness`). States that were drawn under one alternative follow it, so that their evidence under
it always looks best: it must not be compared as it stands. What is wanted is the evidence of the measurements,
Z = int p(measurements | s) p(s, theta | alternative). Of two alternatives a and b, with

    l = log p(s, theta | b) - log p(s, theta | a)

the ratio Z_b / Z_a solves a balance between states drawn under either (Bennett 1976; Meng and Wong 1996),

    sum over draws under a of 1 / (1 + (n_a / n_b) r e^-l) = sum over draws under b of 1 / (1 + (n_b / n_a) e^l / r),

what measurements say of the states being the same in both. Each alternative is compared with the one before it, on the
rows that all of them have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from mmm_core.long_term.conjugate import moments
from mmm_core.long_term.fit import Prepared, prepare
from mmm_core.long_term.minnesota import Minnesota, centre
from mmm_core.long_term.tracked import Draws, Task, changes, sampled
from mmm_core.threads import one_blas_thread

DRAWS, STEPS, WARMUP = 192, 5, 120
"""Of each alternative's chains, all together; the sampler's steps between two draws, and before the first."""


@one_blas_thread
def tracked_evidence(
    alternatives: Sequence[tuple[Task, int]],
    media_lags: int = 0,
    prior: Minnesota | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> np.ndarray:
    """log p(measurements) of each alternative beside the first, (alternative,).

    Args:
        alternatives: a task (`mmm_core.long_term.tracked.task_of`) and a number of lags each, of the same measurements
            and units. What is known as draws counts as any of them. Neighbours should differ in one thing.
        media_lags, prior, seed: as of `fit_tracked_bvar`.
    """
    prior = Minnesota() if prior is None else prior
    first = max(task.given.first_row(lags, media_lags) for task, lags in alternatives)
    ready = [
        prepare(task.given, lags, media_lags, prior, first, units=task.units) for task, lags in alternatives
    ]
    drawn = [
        sampled(task, each, draws, steps=STEPS, warmup=WARMUP, seed=seed + place)
        for place, ((task, _), each) in enumerate(zip(alternatives, ready, strict=True))
    ]
    found = [0.0]
    for before, after in pairwise(range(len(alternatives))):
        ratios = [
            log_evidence(alternatives[after][0], ready[after], drawn[place])
            - log_evidence(alternatives[before][0], ready[before], drawn[place])
            for place in (before, after)
        ]
        found.append(found[-1] + bridged(*ratios))
    return np.array(found)


def log_evidence(task: Task, ready: Prepared, drawn: Draws) -> np.ndarray:
    """log p(s, theta) of states and tightness that were drawn under this or another alternative, (draw,)."""
    levels, tightness = (part.reshape(-1, *part.shape[2:]) for part in (drawn.levels, drawn.tightness))
    given, layout, problem = task.given, ready.layout, ready.problem
    scaled = replace(
        given,
        modelled=changes(levels, given),
        media=given.media / ready.units.media,
        deterministic=given.deterministic / ready.units.terms[1:],
    )
    rows = scaled.regression(layout.lags, layout.media_lags, len(given.weeks) - problem.known.rows)
    about = moments(rows.outcome, rows.regressors, centre(layout, problem.own_lags))
    return np.asarray(problem.log_density(tightness, about))


def bridged(under_a: np.ndarray, under_b: np.ndarray) -> float:
    """log Z_b / Z_a of two densities known up to a constant, by draws of both.

    Args:
        under_a: log q_b - log q_a at draws of the first. under_b: the same at draws of the second.
    """
    odds = np.log(len(under_a) / len(under_b))

    def balance(log_ratio: float) -> float:
        away = log_ratio + odds
        return float(expit(under_a - away).sum() - expit(away - under_b).sum())

    ends = np.concatenate([under_a, under_b])
    return float(brentq(balance, ends.min() - abs(odds) - 50, ends.max() + abs(odds) + 50))
