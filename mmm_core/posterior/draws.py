"""The one rule by which an analysis takes fewer draws than there are."""

from __future__ import annotations

import numpy as np


def thinned(chains: int, draws: int, most: int) -> np.ndarray:
    """Positions, chains one after the other, of at most `most` draws: evenly spread and as many of each chain.

    Chains stay equally long, so that what is left has chains too. At least one draw of each is kept.
    """
    kept = min(draws, max(most // chains, 1))
    within = np.arange(kept) * draws // kept
    return np.asarray((np.arange(chains)[:, None] * draws + within).ravel())
