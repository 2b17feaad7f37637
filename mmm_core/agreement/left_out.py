"""A calibrated posterior without some of its tests: what the model would say had it not seen them.

Two ways lead there. The draws are weighted by 1 over the likelihood of what the tests measured, the largest weights
smoothed by a Pareto distribution (`mmm_core.posterior.pareto`): as good as a fit where its k-hat says that the weights
can be trusted, and it takes none. Where it does not, because the tests moved the posterior far, the model is fitted
again without them, from where the chains of the whole fit ended and with its compiled programs. So it is without any
test at all, which is furthest away and whose figures are looked at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import listed
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.evidence.roi_prior import as_priors
from mmm_core.inference.fit import refit
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.mixing import effective_sample_size_of_mean
from mmm_core.posterior.pareto import good_khat, pareto_smoothed

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

Method = Literal["weights", "refit", "unknown"]


@dataclass(frozen=True)
class LeftOut:
    """A posterior without some of its tests.

    Attributes:
        tests: those left out, by name.
        method: `weights` of the calibrated draws, a `refit`, or `unknown` where the weights cannot be trusted and there
            is no table to fit again on.
        khat: of the weights; nan where there are none.
        posterior: whose draws these are; the calibrated one where they are weighted.
        weights: of the draws, (draw,), summing to 1.
    """

    tests: frozenset[str]
    method: Method
    khat: float
    posterior: Posterior
    weights: np.ndarray


def leave_out(
    tree: xr.DataTree,
    tests: Sequence[WeighedTest],
    lifts: xr.DataArray,
    sets: Iterable[Collection[str]],
    table: pd.DataFrame | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> dict[frozenset[str], LeftOut]:
    """Sets of tests left out of a calibrated posterior, each set once.

    Args:
        tree: the calibrated posterior, as a fit returns it or a file holds it.
        tests: those that it saw. lifts: what they measure by its draws, (draw, test), see
            `mmm_core.effects.replayed_tests`.
        sets: names of tests to leave out together.
        table: the weekly table, to fit again on; without it everything is weighted, and what weights cannot tell stays
            unknown.
        progress, source: of the refits.

    Raises:
        InputError: of a refit.
    """
    posterior = Posterior.of(tree)
    noise = ResultNoise.of(posterior.spec.calibration)
    densities = {
        weighed.test.test_id: result_density(lifts.sel(test=weighed.test.test_id).to_numpy(), weighed, noise)
        for weighed in tests
    }
    wanted = sorted({frozenset(names) for names in sets}, key=sorted)
    priors = frozenset(weighed.test.test_id for weighed in as_priors(tests, posterior.spec))
    found = {names: _weighted(posterior, names, densities, bool(names & priors)) for names in wanted}
    for names in wanted:
        if table is None or (found[names].method == "weights" and len(names) < len(tests)):
            continue
        told = None if progress is None else _named(progress, names, len(tests))
        again = Posterior.of(
            refit(table, posterior.spec, tree, 0, left_out=names, progress=told, source=source)
        )
        draws = again.chains * again.draws_a_chain
        found[names] = replace(
            found[names], method="refit", posterior=again, weights=np.full(draws, 1 / draws)
        )
    return found


def _named(
    progress: Callable[[Progress], None], names: frozenset[str], tests: int
) -> Callable[[Progress], None]:
    """Progress that says which tests a refit goes without."""
    which = "any test" if len(names) == tests > 1 else listed(sorted(names))
    return lambda now: progress(replace(now, phase=f"without {which}, {now.phase}"))


def _weighted(
    posterior: Posterior, names: frozenset[str], densities: Mapping[str, np.ndarray], of_prior: bool
) -> LeftOut:
    """The calibrated draws weighted, where that can be trusted; not where a test is a prior and no likelihood."""
    density = np.sum([densities[name] for name in sorted(names)], axis=0)
    if of_prior or _is_of_first_order(posterior):
        return LeftOut(names, "unknown", np.nan, posterior, np.full(len(density), np.nan))
    weights, khat = importance_weights(density, posterior.chains)
    trusted = khat <= good_khat(len(density))
    return LeftOut(names, "weights" if trusted else "unknown", khat, posterior, weights)


def importance_weights(density: np.ndarray, chains: int) -> tuple[np.ndarray, float]:
    """Weights (draw,) that take a factor of the likelihood away, summing to 1, and their k-hat.

    Args:
        density: log of the factor given each draw, (draw,), chains one after the other.
    """
    if np.ptp(density) == 0:  # it tells no draw from another
        return np.full(len(density), 1 / len(density)), 0.0
    efficiency = effective_sample_size_of_mean(density.reshape(1, chains, -1))[0] / len(density)
    log_weights, khat = pareto_smoothed(-density, float(np.clip(efficiency, 0.01, 1.0)))
    return np.exp(log_weights), float(khat)


def result_density(lifts: np.ndarray, weighed: WeighedTest, noise: ResultNoise) -> np.ndarray:
    """Log density of what a test measured given each draw of its replayed lift, but for a constant."""
    return noise.log_density((weighed.test.incremental - lifts) / weighed.standard_error)


def _is_of_first_order(posterior: Posterior) -> bool:
    """Whether the likelihood of tests is to first order around the common effect, which draws do not hold."""
    geo, data = posterior.spec.geo, posterior.data
    integrated = geo is not None and geo.pooling == "partial" and geo.effects == "normal"
    return integrated and data.sizes["geo"] > 1 and posterior.spec.kpi.scale == "log"
