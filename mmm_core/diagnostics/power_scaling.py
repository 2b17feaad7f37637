"""Power-scaling: where a quantity would be if a component of the posterior's density were stronger or weaker.

The posterior with a component (some priors, the likelihood) raised to the power alpha is reached from the draws at hand
by importance weights, log w = (alpha - 1) log p, Pareto-smoothed (Kallioinen, Paananen, Buerkner and Vehtari 2023,
"Detecting and diagnosing prior and likelihood sensitivity with power-scaling"). A component's weights serve every
quantity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmm_core.posterior.pareto import pareto_smoothed

DELTA = 0.25
"""Means are stated with components raised to the powers 1 / (1 + DELTA) and 1 + DELTA."""
STEP = 0.01
"""Distances are gradients at the posterior as it is: of the powers 1 / (1 + STEP) and 1 + STEP."""
SENSITIVE = 0.05
"""A distance from which a figure counts as sensitive (Kallioinen et al. 2023, section 3.4)."""
SHUFFLES = 8
_POWERS = (1 / (1 + STEP), 1 + STEP, 1 / (1 + DELTA), 1 + DELTA)


@dataclass(frozen=True)
class ScaledComponent:
    """Weights of the draws with a component at a lower and at a higher power.

    Attributes:
        near, far: (power, draw), a step of STEP and of DELTA away; each row sums to 1. Both None for a component that
            says the same of every draw.
        khat: the larger of the two rows' of `far`: above 0.7 they cannot be trusted.
    """

    near: np.ndarray | None
    far: np.ndarray | None
    khat: float

    @classmethod
    def of(cls, log_density: np.ndarray) -> ScaledComponent:
        """Of a component's log density, (draw,)."""
        if np.ptp(log_density) == 0:
            return cls(None, None, 0.0)
        smoothed, khat = pareto_smoothed(np.stack([(power - 1) * log_density for power in _POWERS]))
        weights = np.exp(smoothed)
        return cls(weights[:2], weights[2:], float(khat[2:].max()))


def power_scale(component: ScaledComponent, quantity: np.ndarray) -> dict[str, float | bool]:
    """What a component does to a quantity, (draw,).

    Returns:
        distance (`cumulative_distance` as a gradient in log2 alpha), floor (that of the same values in random order:
        uneven weights move these too, but for no reason), sensitive, weaker and stronger (relative change of the mean
        at the lower and the higher power), khat.
    """
    if component.near is None or component.far is None or np.ptp(quantity) == 0:
        return {
            "distance": 0.0, "floor": 0.0, "sensitive": False, "weaker": 0.0, "stronger": 0.0, "khat": 0.0
        }  # fmt: skip
    order = np.argsort(quantity)
    rng = np.random.default_rng(0)
    # each draw's weight given to another draw: the values in random order
    orders = np.stack([order, *(np.argsort(rng.permutation(len(order)))[order] for _ in range(SHUFFLES))])
    moved = cumulative_distance(quantity[order], component.near[:, orders])
    distances = moved.sum(axis=0) / (2 * np.log2(1 + STEP))
    weaker, stronger = component.far @ quantity / quantity.mean() - 1
    floor = float(distances[1:].max())
    return {
        "distance": float(distances[0]),
        "floor": floor,
        "sensitive": bool(distances[0] >= max(SENSITIVE, floor)),
        "weaker": float(weaker),
        "stronger": float(stronger),
        "khat": component.khat,
    }


def cumulative_distance(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cumulative Jensen-Shannon distance (...) of weighted values from the same values unweighted.

    From below and, as it is not symmetric, from above: the larger of the two (Kallioinen et al. 2023, section 2.4).

    Args:
        values: (draw,), ascending. weights: (..., draw), of the values in their order, summing to 1.
    """
    count = len(values)
    width = np.diff(values)
    even = np.linspace(1 / count, 1 - 1 / count, count - 1)
    below = np.cumsum(weights, axis=-1)[..., :-1]
    sides = ((even, below), (1 - even, np.maximum(1 - below, 0.0)))
    return np.asarray(np.maximum(*(_jensen_shannon(width, p, q) for p, q in sides)))


def _jensen_shannon(width: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Distance between distribution functions p (step,) and q (..., step) on steps of these widths."""

    def entropy(f: np.ndarray) -> np.ndarray:
        return np.asarray(f * np.log2(f, out=np.zeros_like(f), where=f > 0))

    p_area, q_area = p @ width, q @ width
    log_mean = np.log2(0.5 * (p + q))
    more = 0.5 / np.log(2) * (q_area - p_area)
    from_p = entropy(p) @ width - (p * log_mean) @ width + more
    from_q = entropy(q) @ width - (q * log_mean) @ width - more
    return np.asarray(np.sqrt((np.maximum(from_p, 0) + np.maximum(from_q, 0)) / (p_area + q_area)))
