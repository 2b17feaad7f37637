"""The same normal-inverse-Wishart autoregression by NUTS in PyMC, as others sample it: what an exact posterior saves.

The tightness is stated in both, there are no dummies, and so both have one posterior: B = B0 + K^{-1/2} Z R' with Z
standard normal and R R' = Sigma, Sigma^{-1} = A A' with A of Bartlett's decomposition.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.long_term.fit import prepare
from mmm_core.long_term.minnesota import Minnesota, centre
from mmm_core.long_term.series import series

TIGHT = Minnesota(lags=0.2, media=0.2, sum_of_coefficients=None, initial_observation=None)


def by_nuts(
    variables: pd.DataFrame, media: pd.DataFrame, lags: int, draws: int = 500
) -> dict[str, Any] | None:
    """Seconds with compilation, smallest effective sample size and posterior means (K, n); None without PyMC."""
    try:
        import arviz
        import pymc
        import pytensor.tensor as tensor
    except ImportError:
        return None
    given = series(variables, media)
    ready = prepare(given, lags, 0, TIGHT)
    layout, units = ready.layout, ready.units
    rows = given.regression(lags)
    outcome, regressors = rows.outcome / units.variables, rows.regressors / units.regressors(layout)
    middle, strength = centre(layout, ready.problem.own_lags), ready.problem.precision(np.zeros(0))
    size, n = layout.regressors, layout.variables
    begun = time.perf_counter()
    with pymc.Model():
        squares = pymc.ChiSquared("squares", nu=ready.problem.degrees - np.arange(n), shape=n)
        below = pymc.Normal("below", shape=n * (n - 1) // 2)
        bartlett = tensor.set_subtensor(tensor.diag(tensor.sqrt(squares))[np.tril_indices(n, -1)], below)
        root = tensor.linalg.inv(bartlett).T  # root root' = Sigma
        standard = pymc.Normal("standard", shape=(size, n))
        coefficients = pymc.Deterministic(
            "coefficients", middle + (standard @ root.T) / np.sqrt(strength)[:, None]
        )
        white = (outcome - regressors @ coefficients) @ bartlett
        log_density = -0.5 * (white**2).sum() + len(outcome) * tensor.log(tensor.diag(bartlett)).sum()
        pymc.Potential("rows", log_density)
        found = pymc.sample(draws, tune=draws, chains=4, random_seed=1, progressbar=False, target_accept=0.9)
    seconds = time.perf_counter() - begun
    mean = found.posterior["coefficients"].mean(("chain", "draw")).to_numpy()
    ess = float(arviz.ess(found, var_names=["coefficients"])["coefficients"].min())
    return {
        "seconds": seconds,
        "ess": ess,
        "mean": mean * units.variables / units.regressors(layout)[:, None],
    }
