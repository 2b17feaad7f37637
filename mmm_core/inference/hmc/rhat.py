"""R-hat while a fit runs: how far the halves of all chains differ, from their means and variances alone.

That of a finished posterior, rank-normalised and with effective sample sizes, is `mmm_core.posterior.mixing`.
"""

from __future__ import annotations

import numpy as np


def split_rhat(draws: np.ndarray) -> float:
    """Largest split R-hat of any entry.

    Args:
        draws: (chain, draw, entry), at least two draws.
    """
    half = draws.shape[1] // 2
    runs = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    return largest_rhat(runs.mean(axis=1), runs.var(axis=1))


def largest_rhat(means: np.ndarray, variances: np.ndarray) -> float:
    """Largest R-hat of any entry, from the means and variances (run, entry) of runs that are compared."""
    between = means.var(axis=0, ddof=1)
    return float(np.sqrt(1 + between / np.maximum(variances.mean(axis=0), 1e-300)).max())


class RunningRhat:
    """Largest split R-hat of the parameters on the unconstrained scale, of ever more blocks of draws."""

    def __init__(self) -> None:
        self.means: list[np.ndarray] = []
        self.variances: list[np.ndarray] = []

    def after(self, position: np.ndarray) -> float:
        """With one more block (chain, draw, entry); halves of the chains are the runs compared."""
        self.means.append(position.mean(axis=1))
        self.variances.append(position.var(axis=1))
        count = len(self.means) // 2
        if count == 0:
            return float("nan")
        runs, within = [], []
        for part in (slice(0, count), slice(count, 2 * count)):
            means, variances = np.stack(self.means[part]), np.stack(self.variances[part])
            runs.append(means.mean(axis=0))
            within.append(variances.mean(axis=0) + means.var(axis=0))
        return largest_rhat(np.concatenate(runs), np.concatenate(within))
