"""Leave-one-out: how well a model predicts a week from all the others, and which of two models does it better.

The level absorbs a week it has seen, so the density of a week is that given the other weeks, with level and
coefficients integrated out (`mmm_core.posterior.pointwise`); Pareto-smoothed importance sampling then accounts for
what the week did to the parameters (Vehtari, Gelman and Gabry 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from mmm_core.errors import InputError, listed
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.mixing import effective_sample_size_of_mean
from mmm_core.posterior.pareto import good_khat, pareto_smoothed
from mmm_core.posterior.pointwise import is_collapsed, log_likelihood_of_weeks, refuse_without_a_likelihood
from mmm_core.threads import one_blas_thread

DRAWS = 2000
"""Draws behind the estimate, at most."""


@dataclass(frozen=True)
class Loo:
    """The estimate for one model.

    Attributes:
        model: its name. approximate: what is approximate about its engine, "" where nothing is.
        elpd: expected log density of new weeks, summed over the observed ones; higher is better.
        se: standard error of `elpd`. p_loo: effective number of parameters that the weeks decide.
        good_k: Pareto k-hat up to which a week's figure is reliable.
        given_the_level: whether a week's density is given the level drawn, which makes k-hats high.
        weeks: elpd and khat over (geo, week), nan where the KPI was not observed.
        kpi: what the densities are of, (geo, week), named as its column.
        heavy_tails: whether the model's noise has them already.
    """

    model: str
    approximate: str
    elpd: float
    se: float
    p_loo: float
    good_k: float
    given_the_level: bool
    weeks: xr.Dataset
    kpi: xr.DataArray
    heavy_tails: bool = False

    @property
    def unreliable(self) -> int:
        """Number of weeks (and geos) whose k-hat is too high."""
        return int((self.weeks["khat"] > self.good_k).sum())

    @property
    def message(self) -> str:
        """What the figures mean, in words."""
        count = int(self.weeks["khat"].notnull().sum())
        many = "weeks" if self.weeks.sizes["geo"] == 1 else "weeks of geos"
        words = f"elpd {self.elpd:,.1f} (standard error {self.se:,.1f}) over {count} {many}"
        if self.approximate:
            words += f"; approximate: {self.approximate}"
        if not self.unreliable:
            return f"{words}; every k-hat below {self.good_k:.2f}, the estimate is reliable"
        khat = self.weeks["khat"].to_numpy()
        order = np.argsort(np.nan_to_num(-khat, nan=np.inf), axis=None)[: min(self.unreliable, 5)]
        places = zip(*np.unravel_index(order, khat.shape), strict=True)
        names = [
            f"{np.datetime_as_string(self.weeks['week'].to_numpy()[week], 'D')}"
            + (f" {self.weeks['geo'].to_numpy()[geo]}" if len(khat) > 1 else "")
            + f" ({khat[geo, week]:.2f})"
            for geo, week in places
        ]
        rest = self.unreliable - len(names)
        words += f"; {self.unreliable} of {count} k-hats above {self.good_k:.2f}: {listed(names, 5)}"
        words += f" and {rest} more" if rest else ""
        if self.given_the_level:
            return f"{words}; given its level a week is hardly left out at all: go by the rolling-origin backtest"
        words += "; such a week moves the posterior by itself and its figure is too good: look at the week, "
        named = "name it as an event"
        return words + (
            f"or {named}"
            if self.heavy_tails
            else f"{named}, or let the noise have heavy tails (`likelihood: student_t`)"
        )


@one_blas_thread
def loo(tree: xr.DataTree | Posterior) -> Loo:
    """Estimate a posterior's leave-one-out predictive density.

    Raises:
        InputError: the engine has no likelihood (ridge).
    """
    posterior = Posterior.of(tree)
    refuse_without_a_likelihood(posterior, "leave-one-out")
    positions = posterior.thinned(DRAWS)
    density = log_likelihood_of_weeks(posterior, positions)
    data = posterior.data
    observed = data["observed"].to_numpy()
    found = psis_loo(density[:, observed], _relative_efficiency(posterior, positions))
    weeks = xr.Dataset(
        {name: (("geo", "week"), np.full(observed.shape, np.nan)) for name in ("elpd", "khat")},
        coords={"geo": data["geo"].to_numpy(), "week": data["week"].to_numpy()},
    )
    weeks["elpd"].to_numpy()[observed] = found.elpd
    weeks["khat"].to_numpy()[observed] = found.khat
    return Loo(
        posterior.model,
        posterior.approximate,
        float(found.elpd.sum()),
        float(np.sqrt(found.elpd.size * found.elpd.var())),
        found.p_loo,
        found.good_k,
        not is_collapsed(posterior),
        weeks,
        data["kpi"].rename(posterior.spec.kpi.column),
        posterior.spec.student_t is not None,
    )


class PsisLoo(NamedTuple):
    """The estimate from log densities alone.

    Attributes:
        elpd, khat: of each observation, (observation,).
        p_loo: effective number of parameters.
        good_k: k-hat up to which a figure is reliable with so many draws.
    """

    elpd: np.ndarray
    khat: np.ndarray
    p_loo: float
    good_k: float


def psis_loo(density: np.ndarray, relative_efficiency: float) -> PsisLoo:
    """Estimate from log densities (draw, observation)."""
    count = len(density)
    smoothed, khat = pareto_smoothed(-density.T, relative_efficiency)
    elpd = logsumexp(smoothed + density.T, axis=-1)
    seen = logsumexp(density, axis=0) - np.log(count)
    return PsisLoo(elpd, khat, float((seen - elpd).sum()), good_khat(count))


def _relative_efficiency(posterior: Posterior, positions: np.ndarray) -> float:
    """Effective draws to draws, of what a week can move."""
    chains, count = posterior.chains, len(positions)
    values = [
        posterior.draws(name, positions).reshape(chains, count // chains, -1) for name in ("roi", "sigma")
    ]
    some = np.moveaxis(np.concatenate(values, axis=-1), -1, 0)
    varying = some[np.ptp(some, axis=(1, 2)) > 0]
    if not len(varying):
        return 1.0
    return float(np.clip(np.nanmean(effective_sample_size_of_mean(varying)) / count, 0.01, 1.0))


def compare_loo(found: Mapping[str, Loo]) -> pd.DataFrame:
    """Models side by side, the best first.

    Args:
        found: estimates of models of the same KPI in the same weeks, by the name to call them.

    Returns:
        A row a model: model, elpd, se, p_loo, difference (elpd less the best's), difference_se (of the paired
        differences), unreliable (k-hats too high), approximate, verdict (words). A difference of less than 4, or of
        less than 2 standard errors, tells nothing (Sivula, Magnusson and Vehtari 2020).

    Raises:
        InputError: fewer than two models, or other weeks or geos, another KPI, or one counted in another unit. A model
            of its logarithm is none: the densities are of the KPI itself either way.
    """
    if len(found) < 2:
        raise InputError("a comparison takes two models or more")
    names = sorted(found, key=lambda name: -found[name].elpd)
    best = found[names[0]]
    rows = []
    for name in names:
        model = found[name]
        known = model.weeks["elpd"].notnull()
        if not known.equals(best.weeks["elpd"].notnull()):
            raise InputError(
                f"{name} and {names[0]} were not fitted on the same weeks and geos: compare models of the same table, "
                "window, l_max and holdout"
            )
        _refuse_another_kpi(name, model.kpi.where(known), names[0], best.kpi.where(known))
        gap = (model.weeks["elpd"] - best.weeks["elpd"]).to_numpy()[known.to_numpy()]
        difference, error = float(gap.sum()), float(np.sqrt(len(gap) * gap.var()))
        rows.append(
            {
                "model": name,
                "elpd": model.elpd,
                "se": model.se,
                "p_loo": model.p_loo,
                "difference": difference,
                "difference_se": error,
                "unreliable": model.unreliable,
                "approximate": model.approximate,
                "verdict": _verdict(name, names[0], difference, error),
            }
        )
    return pd.DataFrame(rows)


def _refuse_another_kpi(name: str, kpi: xr.DataArray, best: str, its_kpi: xr.DataArray) -> None:
    """Densities of different numbers do not compare, be they of another column or of the same in another unit."""
    if kpi.name != its_kpi.name:
        raise InputError(
            f"{name} is a model of {kpi.name} and {best} one of {its_kpi.name}: how well each is predicted does not "
            "compare; compare models of the same `kpi: column`"
        )
    differ = ~np.isclose(kpi.to_numpy(), its_kpi.to_numpy(), rtol=1e-6, equal_nan=True)
    if differ.any():
        geo, week = np.argwhere(differ)[0]
        place = np.datetime_as_string(kpi["week"].to_numpy()[week], "D")
        place += f" {kpi['geo'].to_numpy()[geo]}" if len(differ) > 1 else ""
        raise InputError(
            f"{name} and {best} were fitted on different values of {kpi.name}, {float(kpi[geo, week]):,.6g} and "
            f"{float(its_kpi[geo, week]):,.6g} in {place}, and so in {int(differ.sum())} of {int(kpi.notnull().sum())} "
            "weeks: fit both on the same table, with the KPI in the same unit"
        )


def _verdict(name: str, best: str, difference: float, error: float) -> str:
    if name == best:
        return "predicts best"
    if abs(difference) < 4 or abs(difference) < 2 * error:
        return f"as good as {best}: the difference is within its error"
    return f"predicts worse than {best}"
