"""Fit a Bayesian vector autoregression: independent draws of the exact posterior.

    draws = fit_bvar(variables, media, lags=4)

With variables known as draws (an MMM's base, a survey's weekly states), one draw of the posterior is taken of each,
so that their uncertainty is in everything that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.json_text import dumps
from mmm_core.long_term.coefficients import Coefficients, labelled
from mmm_core.long_term.conjugate import Moments, chunks, draw, joined, moments, posterior
from mmm_core.long_term.minnesota import Minnesota, Scales, centre, scales, start
from mmm_core.long_term.series import Layout, Series, series
from mmm_core.long_term.tightness import Hierarchy, optimum, sample
from mmm_core.threads import one_blas_thread

DRAWS = 2000
EVIDENCE_DRAWS = 500
"""Proposals by which a lag order's evidence is worked out."""


class Prepared(NamedTuple):
    """A regression in the prior's units, ready to be integrated."""

    problem: Hierarchy
    units: Scales
    log_units: float  # rows x sum of log units: what log p(Y) loses in the series' own units

    @property
    def layout(self) -> Layout:
        """Sizes."""
        return self.problem.layout


def fit_bvar(
    variables: pd.DataFrame | xr.DataArray,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    *,
    lags: int | Sequence[int] = 4,
    media_lags: int = 0,
    prior: Minnesota | None = None,
    differenced: tuple[str, ...] = (),
    draws: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Draws of a vector autoregression with exogenous media.

    Args:
        variables: a column a variable, indexed by week; or a DataArray (week, variable) or (draw, week, variable).
            The order is that of the orthogonal responses.
        media: a column a channel, indexed by week, in what effects are to be counted per unit of: spend, as a rule.
        terms: deterministic terms beside the intercept, such as a trend, indexed by week.
        lags: of the variables; of several, the order with the most evidence.
        media_lags: weeks that media act on the variables directly; 0 is the week itself only.
        prior: see `mmm_core.long_term.minnesota`.
        differenced: variables with a unit root, for effects that may be permanent.
        draws: how many; by default 2000, or one for each draw of the variables.
        seed: of the draws.

    Returns:
        What `mmm_core.long_term.coefficients.labelled` states, `tightness` (draw, hyperparameter), `prior_scale`
        (equation,), the residual sd by which the prior is stated, and attributes
        `rows`, `first_row` (position of the first fitted week), `lags`, `media_lags`, `log_evidence` (log p(Y); nan
        of variables known as draws), `acceptance` (of the hyperparameters' chain), `prior`, `optimum` (of the
        hyperparameters, JSON) and `seed`.

    Raises:
        InputError: the series are refused (`mmm_core.long_term.series.series`), or there are fewer weeks than
            coefficients an equation.
    """
    prior = Minnesota() if prior is None else prior
    given = series(variables, media, terms, differenced)
    if not isinstance(lags, int):
        evidence = lag_order(given, lags, media_lags, prior, seed=seed)
        lags = int(evidence.index[int(np.argmax(evidence.to_numpy()))])
    if given.drawn and draws not in (None, given.drawn):
        raise InputError(
            f"the variables are known as {given.drawn} draws and give as many: leave draws out, not {draws}"
        )
    found = _fit(given, prepare(given, lags, media_lags, prior), given.drawn or draws or DRAWS, seed)
    if isinstance(variables, xr.DataArray) and "draw" in variables.coords:
        found = found.assign_coords(draw=variables["draw"].to_numpy())
    return found


@one_blas_thread
def lag_order(
    given: Series,
    candidates: Sequence[int],
    media_lags: int = 0,
    prior: Minnesota | None = None,
    seed: int = 0,
) -> pd.Series:
    """log p(Y) of each lag order, on the rows that all of them have, the hyperparameters integrated out.

    Of variables known as draws, the mean of some draws. Dummies are made of the weeks
    before the first such row.
    """
    prior = Minnesota() if prior is None else prior
    if not candidates or min(candidates) < 1:
        raise InputError(f"lags to choose from must be 1 or more, got {list(candidates)}")
    first = given.first_row(max(candidates), media_lags)
    found = {}
    for lags in sorted(set(candidates)):
        ready = prepare(given, lags, media_lags, prior, first)
        rng = np.random.default_rng([seed, lags])
        evidence = [sample(single, EVIDENCE_DRAWS, rng).log_evidence for single in ready.problem.alone()]
        found[lags] = float(np.mean(evidence)) - ready.log_units
    return pd.Series(found, name="log_evidence").rename_axis("lags")


def prepare(
    given: Series,
    lags: int,
    media_lags: int,
    prior: Minnesota,
    first: int | None = None,
    units: Scales | None = None,
) -> Prepared:
    """The regression in the prior's units, by default those of the series themselves: integrate it, sample it."""
    layout, units = given.layout(lags, media_lags), scales(given) if units is None else units
    own_lags = prior.own_lags(given)

    def of(some: Series) -> Moments:
        rows = some.regression(lags, media_lags, first)
        return moments(
            rows.outcome / units.variables,
            rows.regressors / units.regressors(layout),
            centre(layout, own_lags),
        )

    if given.drawn:
        numbers = len(given.weeks) * layout.regressors
        known = joined([of(given.some(part)) for part in chunks(given.drawn, numbers)])
    else:
        known = of(given)
    problem = Hierarchy(
        layout=layout,
        prior=prior,
        known=known,
        start=start(given, layout, units, max(lags, first or 0)),
        own_lags=own_lags,
        degrees=layout.variables + 2.0,
    )
    return Prepared(problem, units, known.rows * float(np.log(units.variables).sum()))


@one_blas_thread
def _fit(given: Series, ready: Prepared, draws: int, seed: int) -> xr.Dataset:
    problem, layout, units = ready.problem, ready.layout, ready.units
    rng = np.random.default_rng(seed)
    learnt = sample(problem, draws, rng)
    stacked = np.empty((draws, layout.regressors, layout.variables))
    covariance = np.empty((draws, layout.variables, layout.variables))
    for part in chunks(draws, layout.regressors**2):
        # one posterior for all where neither the tightness nor the series differ by draw
        values = learnt.values[part] if problem.names else np.zeros(0)
        known = problem.known.at(part) + problem.dummies(values)
        found = draw(
            posterior(known, problem.precision(values), problem.degrees), part.stop - part.start, rng
        )
        stacked[part] = found.coefficients
        covariance[part] = found.root @ found.root.swapaxes(-1, -2)
    stacked += centre(layout, problem.own_lags)
    stacked *= units.variables / units.regressors(layout)[:, None]
    covariance *= units.variables * units.variables[:, None]
    coefficients = Coefficients.stacked(stacked, covariance, layout, given.is_differenced)
    out = labelled(coefficients, given)
    out["prior_scale"] = ("equation",), units.variables
    out["tightness"] = ("draw", "hyperparameter"), learnt.values
    best = optimum(problem)
    out = out.assign_coords(hyperparameter=list(problem.names))
    out.attrs = {
        "sampler": "exact",
        "lags": layout.lags,
        "media_lags": layout.media_lags,
        "rows": problem.known.rows,
        "first_row": len(given.weeks) - problem.known.rows,
        "log_evidence": learnt.log_evidence - ready.log_units,
        "acceptance": learnt.acceptance,
        "optimum": dumps(dict(zip(problem.names, best.tolist(), strict=True))),
        "prior": repr(problem.prior),
        "seed": seed,
    }
    return out
