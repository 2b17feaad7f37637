"""Whether two sources disagree by more than chance: predictive p-values of every pair, and what that many would do.

A p-value is twice the smaller tail: the chance, were one source right, of a figure of the other at least as far out.
Errors are the Normal ones that the sources state. Where all pairs agree, Holm's step-down p-values flag one of them
with at most the stated probability (Holm 1979, Scandinavian Journal of Statistics 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from mmm_core.reconciliation.bias import Bias, Claimed
from mmm_core.reconciliation.sources import ChannelTest

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
MODEL, ATTRIBUTION = "model", "attribution"


@dataclass(frozen=True)
class Pair:
    """Two sources of one channel.

    Attributes:
        first, second: `model`, `attribution`, or the name of a test.
        p: predictive p-value. adjusted: the same with all pairs of the model in mind.
        seen: one is the model and the other a test it was calibrated with: they agree more than chance would have it.
    """

    channel: str
    first: str
    second: str
    p: float
    seen: bool = False
    adjusted: float = np.nan


def pairs_of(
    channel: str,
    returns: np.ndarray,
    tests: Sequence[ChannelTest],
    claimed: Claimed | None,
    bias: Bias | None,
) -> list[Pair]:
    """Every pair of a channel's sources.

    Args:
        returns: the model's, (draw,).
        bias: what is known of the claims' bias from other channels; None without claims.
    """
    out = []
    for number, test in enumerate(tests):
        likelihood = test.likelihood
        below = ndtr((likelihood.measured - test.lifts) / likelihood.error).mean()
        out.append(Pair(channel, MODEL, test.test_id, two_sided(below), test.seen))
        for other in tests[number + 1 :]:
            out.append(Pair(channel, test.test_id, other.test_id, two_sided(_below(test, other))))
    if claimed is not None and bias is not None:
        out.append(Pair(channel, MODEL, ATTRIBUTION, two_sided(bias.below(claimed, returns).mean())))
        for test in tests:
            measured = test.likelihood.returns[:, None] + test.likelihood.errors[:, None] * NODES
            below = (bias.below(claimed, measured) @ NODE_WEIGHTS).mean() / NODE_WEIGHTS.sum()
            out.append(Pair(channel, test.test_id, ATTRIBUTION, two_sided(below)))
    return out


def two_sided(below: float) -> float:
    """P-value from the chance of a smaller figure."""
    return float(np.clip(2 * min(below, 1 - below), 0.0, 1.0))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Step-down p-values, in the order given: below a level only where all true hypotheses together allow it."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1.0)
    return out


def _below(test: ChannelTest, other: ChannelTest) -> float:
    """Chance that two measurements of one return would lie further apart the same way, averaged over the draws."""
    one, two = test.likelihood, other.likelihood
    return float(ndtr((one.returns - two.returns) / np.hypot(one.errors, two.errors)).mean())
