"""Whether a posterior's chains converged: said wherever its figures are shown, long before a review is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.review_spec import Review

LEAST_ESS = 400.0
"""Bulk ESS below which R-hat and ESS themselves cannot be relied on (Vehtari et al. 2021); the review asks for more."""


def unconverged(tree: xr.DataTree | Posterior) -> str:
    """What says that the chains have not converged, and what to do; "" where nothing does or an engine has none."""
    from mmm_core.posterior.handle import Posterior

    posterior = Posterior.of(tree)
    if posterior.approximate:
        return ""
    rhat, _ = posterior.mixing.worst("rhat")
    bulk, _ = posterior.mixing.worst("ess_bulk")
    divergent = float(posterior.sample_stats["diverging"].mean())
    return faults(rhat, bulk, divergent, posterior.spec.review)


def faults(rhat: float | None, ess_bulk: float | None, divergent: float, thresholds: Review) -> str:
    """The same of the figures themselves: largest R-hat, smallest bulk ESS, share of divergent transitions.

    Thresholds are the review's; a figure that is not defined is a fault, as it is there.
    """
    words, remedies = [], []
    if rhat is None or not rhat < thresholds.rhat:
        words.append("R-hat not defined" if rhat is None or math.isnan(rhat) else f"R-hat {rhat:.4g}")
    if ess_bulk is None or not ess_bulk >= min(LEAST_ESS, thresholds.ess_bulk):
        known = ess_bulk is not None and not math.isnan(ess_bulk)
        words.append(f"bulk ESS {ess_bulk:,.0f}" if known else "bulk ESS not defined")
    if words:
        remedies.append("raise `fit: draws` and `target_accept`")
    if divergent > thresholds.divergence_share:
        words.append(f"{divergent:.1%} of the transitions divergent")
        remedies.append("raise `fit: target_accept`")
    return f"{', '.join(words)}: do not use these figures; {', '.join(remedies)}" if words else ""
