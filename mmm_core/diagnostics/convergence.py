"""Whether a posterior's chains converged: said wherever its figures are shown, long before a review is asked for."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.spec.model_spec import Review

LEAST_ESS = 400.0
"""Bulk ESS below which R-hat and ESS themselves cannot be relied on (Vehtari et al. 2021); the review asks for more."""


def unconverged(tree: xr.DataTree) -> str:
    """What says that the chains have not converged, and what to do; "" where nothing does or an engine has none."""
    from mmm_core.posterior.schema import spec_of

    if tree.attrs["approximate"]:
        return ""
    rhat, _ = worst(tree, "rhat", largest=True)
    bulk, _ = worst(tree, "ess", largest=False, method="bulk")
    return faults(rhat, bulk, float(tree["sample_stats"]["diverging"].mean()), spec_of(tree).review)


def faults(rhat: float | None, ess_bulk: float | None, divergent: float, thresholds: Review) -> str:
    """The same of the figures themselves: largest R-hat, smallest bulk ESS, share of divergent transitions.

    Thresholds are the review's; a figure that is not defined is a fault, as it is there.
    """
    words, remedies = [], []
    if rhat is None or not rhat < thresholds.rhat:
        words.append("R-hat not defined" if rhat is None or math.isnan(rhat) else f"R-hat {rhat:.3g}")
    if ess_bulk is None or not ess_bulk >= min(LEAST_ESS, thresholds.ess_bulk):
        known = ess_bulk is not None and not math.isnan(ess_bulk)
        words.append(f"bulk ESS {ess_bulk:,.0f}" if known else "bulk ESS not defined")
    if words:
        remedies.append("raise `fit: warmup` and `draws`")
    if divergent > thresholds.divergence_share:
        words.append(f"{divergent:.1%} of the transitions divergent")
        remedies.append("raise `fit: target_accept`")
    return f"{', '.join(words)}: do not use these figures; {', '.join(remedies)}" if words else ""


def worst(tree: xr.DataTree, statistic: str, largest: bool, **options: Any) -> tuple[float, str]:
    """The worst value of an ArviZ statistic over all monitored quantities, and which one it is.

    Every variable of the posterior is monitored, each week of the level too; constants, which have no statistic, are
    not. A statistic that is not defined (R-hat of a single chain) is the worst there is: nan.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its next major version at import
        import arviz
    found, name = float("nan"), "nothing varies"
    if statistic == "rhat" and tree["posterior"].sizes["chain"] < 2:
        return found, "one chain"  # of which ArviZ would warn
    for variable, values in tree["posterior"].to_dataset().data_vars.items():
        flat = values.to_numpy().reshape(*values.shape[:2], -1)
        for position in np.flatnonzero(np.ptp(flat, axis=(0, 1)) > 0):
            figure = float(getattr(arviz, statistic)(flat[..., position], **options))
            if np.isnan(found) or np.isnan(figure) or (figure > found if largest else figure < found):
                labels = np.unravel_index(position, values.shape[2:]) if values.ndim > 2 else ()
                at = [
                    _label(values[dim].to_numpy()[i]) for dim, i in zip(values.dims[2:], labels, strict=True)
                ]
                found, name = figure, f"{variable}[{', '.join(at)}]" if at else str(variable)
            if np.isnan(figure):
                return found, name
    return found, name


def _label(value: Any) -> str:
    return str(value.astype("datetime64[D]")) if isinstance(value, np.datetime64) else str(value)
