"""How many lags, where variables are states behind measurements: the evidence of each order, the states integrated out.

Given the weekly states s and the tightness theta, log p(s, theta | order) is known in closed form
(`mmm_core.long_term.tightness`). States that were drawn under one order follow it, so that their evidence under it
always looks best: it must not be compared as it stands. What is wanted is the evidence of the measurements,
Z = int p(measurements | s) p(s, theta | order). Of two orders a and b, with

    l = log p(s, theta | b) - log p(s, theta | a)

the ratio Z_b / Z_a solves a balance between states drawn under either (Bennett 1976; Meng and Wong 1996),

    sum over draws under a of 1 / (1 + (n_a / n_b) r e^-l) = sum over draws under b of 1 / (1 + (n_b / n_a) e^l / r),

what measurements say of the states being the same in both. Neighbouring orders are compared, on the rows that all of
them have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from mmm_core.long_term.conjugate import moments
from mmm_core.long_term.fit import Prepared, prepare
from mmm_core.long_term.minnesota import Minnesota, centre
from mmm_core.long_term.tracked import Draws, Task, changes, sampled
from mmm_core.threads import one_blas_thread

DRAWS, STEPS = 480, 6
"""Of each order's chains, all together, and the sampler's steps between two of them."""


@one_blas_thread
def tracked_lag_order(
    task: Task,
    candidates: Sequence[int],
    media_lags: int = 0,
    prior: Minnesota | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> pd.Series:
    """log p(measurements) of each lag order, beside that of the smallest: index lags, values log_evidence.

    Args:
        task: of `mmm_core.long_term.tracked.task_of`; what is known as draws counts as any of them.
        candidates: orders, 1 or more. media_lags, prior, seed: as of `fit_tracked_bvar`.
    """
    prior = Minnesota() if prior is None else prior
    orders = sorted(set(candidates))
    first = task.given.first_row(max(orders), media_lags)
    ready = {
        order: prepare(task.given, order, media_lags, prior, first, units=task.units) for order in orders
    }
    drawn = {
        order: sampled(task, each, draws, steps=STEPS, seed=seed + order) for order, each in ready.items()
    }
    found = {orders[0]: 0.0}
    for few, many in pairwise(orders):
        ratios = [
            log_evidence(task, ready[many], drawn[order]) - log_evidence(task, ready[few], drawn[order])
            for order in (few, many)
        ]
        found[many] = found[few] + bridged(*ratios)
    return pd.Series(found, name="log_evidence").rename_axis("lags")


def log_evidence(task: Task, ready: Prepared, drawn: Draws) -> np.ndarray:
    """log p(s, theta) of states and tightness that were drawn under this or another order, (draw,)."""
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
