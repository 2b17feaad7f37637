"""Maximise a sum of one-channel responses under a total and bounds, and prove how good the answer is.

The problem: max sum_c f_c(x_c) subject to sum_c x_c = total and lower <= x <= upper, where each f_c is increasing and
smooth but, with an S-shaped Hill curve, not concave. Sequential quadratic programming from several starts finds a good
plan; the certificate says how much better any plan could be:

* The Lagrangian dual of this separable problem equals the problem with each f_c replaced by its concave envelope
  (Bertsekas, Nonlinear Programming, section 6.1), and that one is solved exactly by buying the steepest pieces first.
* The envelope is built on a fine grid from values and slopes: where a cell's slope falls, the two tangents' crossing is
  added, so the hull lies on or above the response in every cell whose curvature keeps its sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

GRID_POINTS = 129
"""Points of the grid on which each channel's concave envelope is built."""

MEETS_BOUND = 1e-6
"""Gap below which a plan counts as the best there is."""

Response = Callable[[Any], Any]
"""Spend (channel,) -> expected response (channel,), traceable by JAX; entry c depends on spend c alone."""


@dataclass(frozen=True)
class Certificate:
    """What is known about a plan's distance from the best possible one.

    `value` the plan's response, `bound` a response no feasible plan exceeds, `gap` = (bound - value) / bound,
    `kkt_residual` the most that moving one unit of spend between two channels would gain, relative to the marginal
    response (0 at a stationary point), `marginal` the response to one more unit of spend in each channel.
    """

    value: float
    bound: float
    gap: float
    kkt_residual: float
    marginal: np.ndarray


def project(spend: np.ndarray, lower: np.ndarray, upper: np.ndarray, total: float) -> np.ndarray:
    """The plan nearest to `spend` (channel,) within the bounds that adds up to `total`.

    The nearest plan is clip(spend + shift) for one common shift, found by bisection. The bounds must admit the total.
    """
    low, high = float(np.min(lower - spend)), float(np.max(upper - spend))
    for _ in range(200):
        shift = (low + high) / 2
        if np.clip(spend + shift, lower, upper).sum() < total:
            low = shift
        else:
            high = shift
    plan = np.clip(spend + high, lower, upper)
    return _spread(plan, lower, upper, total - plan.sum())


def _spread(plan: np.ndarray, lower: np.ndarray, upper: np.ndarray, missing: float) -> np.ndarray:
    """Put the last rounding error where there is room, so that the plan adds up."""
    room = upper - plan if missing > 0 else plan - lower
    channel = int(np.argmax(room))
    plan = plan.copy()
    plan[channel] = np.clip(plan[channel] + missing, lower[channel], upper[channel])
    return plan


def _values_and_slopes(response: Response, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responses and their slopes, both (point, channel), at a grid of plans (point, channel)."""

    def at(spend: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = response(spend)
        return values.sum(), values

    (_, values), slopes = jax.jit(lambda plans: jax.lax.map(jax.value_and_grad(at, has_aux=True), plans))(
        jnp.asarray(grid)
    )
    return np.asarray(values), np.asarray(slopes)


def concave_envelope(
    spend: np.ndarray, value: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Corners (spend, value) of a concave, piecewise linear function on or above an increasing response.

    `spend`, `value`, `slope` (point,) are the grid, the response and its derivative there.
    """
    fall = slope[:-1] - slope[1:]
    width = np.diff(spend)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (np.diff(value) - slope[1:] * width) / fall
    bends = (fall > 0) & np.isfinite(crossing)
    crossing = np.clip(np.where(bends, crossing, 0.0), 0.0, width)
    top = np.minimum(value[:-1] + slope[:-1] * crossing, value[1:])
    bends &= (crossing > 0) & (crossing < width) & np.isfinite(top)
    xs = np.concatenate([spend, spend[:-1][bends] + crossing[bends]])
    ys = np.concatenate([value, top[bends]])
    order = np.lexsort((ys, xs))
    hull: list[tuple[float, float]] = []
    for x, y in zip(xs[order], ys[order], strict=True):
        while hull and hull[-1][0] == x:
            hull.pop()
        while len(hull) > 1 and _below(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    corners = np.array(hull)
    return corners[:, 0], corners[:, 1]


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether `middle` lies on or below the line from `left` to `right`."""
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])


@dataclass(frozen=True)
class Relaxation:
    """The problem on concave envelopes, solved exactly: its optimum bounds every plan and its plan is a good start."""

    bound: float
    plan: np.ndarray


def relax(
    response: Response, lower: np.ndarray, upper: np.ndarray, total: float, points: int = GRID_POINTS
) -> Relaxation:
    """Solve the relaxed problem by buying the envelopes' steepest pieces first, until the total is spent."""
    share = np.linspace(0.0, 1.0, points)[:, None]
    grid = lower + share * (upper - lower)
    values, slopes = _values_and_slopes(response, grid)
    pieces = []
    for channel in np.flatnonzero(upper > lower):
        x, y = concave_envelope(grid[:, channel], values[:, channel], slopes[:, channel])
        pieces += [(rise / run, run, channel) for run, rise in zip(np.diff(x), np.diff(y), strict=True)]
    plan, bound, left = lower.astype(float).copy(), float(values[0].sum()), total - float(lower.sum())
    for steepness, run, channel in sorted(pieces, key=lambda piece: -piece[0]):
        bought = min(run, left)
        plan[channel] += bought
        bound += steepness * bought
        left -= bought
        if left <= 0:
            break
    return Relaxation(bound, np.clip(plan, lower, upper))


def kkt_residual(marginal: np.ndarray, spend: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """How far a plan is from stationary: the best gain from moving one unit of spend, over the marginal response.

    At an optimum no channel that can still take spend has a higher marginal response than one that can give some.
    """
    slack = 1e-7 * np.maximum(upper, 1e-300)
    can_take, can_give = spend < upper - slack, spend > lower + slack
    if not can_take.any() or not can_give.any():
        return 0.0
    best, worst = marginal[can_take].max(), marginal[can_give].min()
    return float(max(0.0, best - worst) / max(abs(best), abs(worst), 1e-300))


def certify(
    response: Response,
    spend: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    total: float,
    relaxation: Relaxation | None = None,
) -> Certificate:
    """The certificate of any feasible plan `spend` (channel,), however it was found."""
    relaxation = relaxation or relax(response, lower, upper, total)
    values, slopes = _values_and_slopes(response, np.asarray(spend, dtype=float)[None])
    value = float(values[0].sum())
    bound = max(float(relaxation.bound), value)
    gap = (bound - value) / abs(bound) if bound else 0.0
    return Certificate(value, bound, gap, kkt_residual(slopes[0], spend, lower, upper), slopes[0])


def maximise(
    response: Response,
    lower: np.ndarray,
    upper: np.ndarray,
    total: float,
    current: np.ndarray,
    starts: int = 6,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, Certificate]:
    """The best plan found from several starts, with its certificate.

    Arguments are in spend units, (channel,); the bounds must admit the total (the caller names it when they do not).
    Starts: the relaxed problem's plan, the current plan, then `starts - 2` random ones from `seed`. A plan that meets
    the bound ends the search: no other start can beat it.
    """
    lower, upper = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    relaxation = relax(response, lower, upper, total)
    scale = upper - lower
    scale[scale <= 0] = 1.0
    unit = abs(relaxation.bound) or 1.0

    @jax.jit
    def objective(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.value_and_grad(lambda z: -response(lower + z * scale).sum() / unit)(x)

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(jnp.asarray(x))
        return float(value), np.asarray(gradient, dtype=float)

    rng = np.random.default_rng(seed)
    candidates = [relaxation.plan, np.asarray(current, dtype=float)]
    candidates += [rng.uniform(lower, upper) for _ in range(max(0, starts - 2))]
    # One constraint, sum(scale x) = total - sum(lower), in units of the total.
    weight = scale / max(total, 1e-300)
    constraint = {
        "type": "eq",
        "fun": lambda x: float(weight @ x) - (total - lower.sum()) / max(total, 1e-300),
        "jac": lambda _: weight,
    }
    best_plan, best_value = project(relaxation.plan, lower, upper, total), -np.inf
    for number, candidate in enumerate(candidates):
        start = (project(candidate, lower, upper, total) - lower) / scale
        found = minimize(
            evaluate,
            start,
            jac=True,
            method="SLSQP",
            bounds=[(0.0, float(high)) for high in (upper - lower) / scale],
            constraints=[constraint],
            options={"maxiter": 200, "ftol": 1e-12},
        )
        for x in (start, np.asarray(found.x)):
            if not np.isfinite(x).all():
                continue
            plan = project(lower + x * scale, lower, upper, total)
            value = -evaluate((plan - lower) / scale)[0] * unit
            if value > best_value:
                best_plan, best_value = plan, value
        if progress:
            progress(number + 1, len(candidates))
        if relaxation.bound - best_value <= MEETS_BOUND * unit:
            break
    return best_plan, certify(response, best_plan, lower, upper, total, relaxation)
