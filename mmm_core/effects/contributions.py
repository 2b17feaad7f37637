"""Decomposition of the KPI: what each channel and each part of the baseline brought, week by week.

Components are the channels, `baseline` (intercept, level and trend), `seasonality`, `holidays` (all of them, the weeks
around them too), and each control, treatment, event and step by name. Controls are measured from their average over the
window, treatments from their baseline value, so theirs is the effect of differing from it.

For every draw the components add up to the model's prediction. Where the KPI's logarithm is modelled effects multiply,
and a rule is needed: `baseline` is the prediction with every other term off; the other parts of the baseline share what
they add to it in proportion to their terms; channels share the prediction less that with all media off in proportion to
theirs. A channel's share is then less than what switching it off alone would cost, which is what its ROI counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from mmm_core.data.arrays import INTERCEPT, NATIONAL
from mmm_core.data.calendar import TREND, fourier_terms
from mmm_core.data.weeks import week_coordinate
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, outcome_name
from mmm_core.posterior.predictor import Predictor
from mmm_core.spec.baseline_spec import BASELINE, HOLIDAYS, SEASONALITY
from mmm_core.spec.model_spec import ModelSpec

KEPT = 50_000_000
"""Numbers a summary may keep (float32, 200 MB): a long and wide model is summarised from fewer, evenly spread draws."""


@dataclass(frozen=True)
class Decomposition:
    """The components of a posterior's prediction.

    Attributes:
        components: channels, then the parts of the baseline.
        groups: for each part of the baseline the positions of its terms in the design.
        channels: how many of the components are channels.
        worth: (geo, week) what a unit of KPI is multiplied by: its revenue, or 1.
    """

    predictor: Predictor
    components: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    channels: int
    worth: np.ndarray

    @classmethod
    def of(
        cls, posterior: Posterior, revenue: bool = True, positions: np.ndarray | None = None
    ) -> Decomposition:
        """Of a posterior: in revenue or in the KPI's own units, of all draws or those at `positions`."""
        predictor, spec = posterior.predictor(positions), posterior.spec
        groups = baseline_groups([str(term) for term in posterior.data["term"].to_numpy()], spec)
        return cls(
            predictor=predictor,
            components=(*spec.channels, *groups),
            groups=tuple(tuple(terms) for terms in groups.values()),
            channels=len(spec.channels),
            worth=predictor.worth if revenue else np.ones_like(predictor.worth),
        )

    def geo(self, position: int) -> Decomposition:
        """The same for one geo."""
        worth = self.worth[position : position + 1]
        return replace(self, predictor=self.predictor.geo(position), worth=worth)

    def chunks(self) -> Iterator[np.ndarray]:
        """All draws in order, a chunk at a time, each (draw, geo, week, component)."""
        return (self._chunk(which) for which in self.predictor.chunks(len(self.components)))

    def _chunk(self, which: slice) -> np.ndarray:
        predictor = self.predictor
        media = predictor.media_terms(which)
        out = np.empty((*media.shape[:3], len(self.components)))
        out[..., : self.channels] = media
        for position, terms in enumerate(self.groups):
            # the level moves about the intercept, which is in the first group
            part = predictor.baseline_terms(which, list(terms), level=position == 0)
            out[..., self.channels + position] = part
        if predictor.log:
            first = predictor.expected(out[..., self.channels], which)
            others, brought = out[..., self.channels + 1 :], out[..., : self.channels]
            total, all_media = others.sum(-1, keepdims=True), brought.sum(-1, keepdims=True)
            brought *= (first[..., None] * np.exp(total)) * _share(all_media)
            others *= first[..., None] * _share(total)
            out[..., self.channels] = first
        return np.asarray(out * self.worth[..., None])


def _share(total: np.ndarray) -> np.ndarray:
    """(exp(total) - 1) / total: what a factor exp(total) adds to 1, for each unit of its exponent."""
    safe = np.where(total == 0, 1.0, total)
    return np.where(total == 0, 1.0, np.expm1(safe) / safe)


def baseline_groups(terms: list[str], spec: ModelSpec) -> dict[str, list[int]]:
    """Parts of the baseline and the positions of their terms in the design, `baseline` first.

    What is not the level's, a wave or named by the specification is a holiday.
    """
    named = {
        *spec.controls,
        *spec.demand_terms,
        *spec.treatments,
        *spec.baseline.events,
        *spec.baseline.steps,
    }
    waves = set(fourier_terms(spec.baseline.seasonality.order))
    groups: dict[str, list[int]] = {BASELINE: []}
    for position, term in enumerate(terms):
        if term in named:
            name = term
        elif term in (INTERCEPT, TREND):
            name = BASELINE
        else:
            name = SEASONALITY if term in waves else HOLIDAYS
        groups.setdefault(name, []).append(position)
    return groups


def contributions(tree: xr.DataTree | Posterior, by_geo: bool = False, revenue: bool = True) -> xr.Dataset:
    """Weekly contribution of every component.

    Args:
        tree: a posterior.
        by_geo: keep the geos apart; else they are summed, draw by draw.
        revenue: in revenue, or in the KPI's own units.

    Returns:
        Dataset over (component, week), or (component, geo, week), with mean, q05 and q95; `actual` and
        `predicted` (with q05, q95) over the weeks; attrs `unit` (revenue or kpi), `outcome` (its name), `channels` and
        `approximate` ("" or words).
    """
    posterior = Posterior.of(tree)
    if revenue and not by_geo:
        return posterior.once(_of_the_window).copy()
    return _contributions(posterior, by_geo, revenue)


def _of_the_window(posterior: Posterior) -> xr.Dataset:
    """In revenue, geos summed: what a table and several pictures of a posterior ask for."""
    return _contributions(posterior, by_geo=False, revenue=True)


def _contributions(posterior: Posterior, by_geo: bool, revenue: bool) -> xr.Dataset:
    spec, data = posterior.spec, posterior.data
    terms = baseline_groups([str(term) for term in data["term"].to_numpy()], spec)
    numbers = data.sizes["week"] * (len(spec.channels) + len(terms))
    whole = Decomposition.of(posterior, revenue, posterior.thinned(KEPT // numbers))
    actual = data["kpi"] * (data["revenue_per_kpi"] if revenue else 1.0)
    if by_geo:
        parts = [_summary(whole.geo(position)) for position in range(data.sizes["geo"])]
        summary = xr.concat(parts, dim=data["geo"], join="exact").transpose("component", "geo", "week", ...)
    else:
        summary = _summary(whole)
        actual = actual.sum("geo", skipna=False)
    weeks = week_coordinate(data["week"].to_numpy(), spec)
    summary = summary.assign_coords(component=list(whole.components), week=weeks)
    summary["actual"] = actual.drop_vars("geo", errors="ignore") if not by_geo else actual
    priced = revenue and spec.kpi.kind == "revenue"
    summary.attrs = {
        "unit": "revenue" if priced else "kpi",
        "outcome": outcome_name(spec) if revenue else spec.kpi.column,
        "channels": list(whole.components[: whole.channels]),
        "approximate": approximation(posterior),
    }
    return summary


def baseline_draws(tree: xr.DataTree | Posterior, by_geo: bool = True, every: int = 1) -> xr.DataArray:
    """Draws of the base: the KPI that the model expects without any media, paid or organic.

    It is net of short-term media, so what a long-term model explains of it is counted nowhere else. Level, seasonality,
    holidays, controls, treatments, events and steps are in it; the weeks' noise is not.

    Args:
        tree: a posterior.
        by_geo: keep the geos apart; else they are summed draw by draw into one, named as that of a national model.
        every: keep every so many-th draw of each chain.

    Returns:
        (chain, draw, geo, week), float32, in the KPI's units: 4 bytes x chains x draws x geos x weeks and no more.
    """
    posterior = Posterior.of(tree)
    data, draws = posterior.data, posterior.variables
    kept = np.arange(0, posterior.draws_a_chain, every)
    positions = (np.arange(posterior.chains)[:, None] * posterior.draws_a_chain + kept).ravel()
    predictor = posterior.predictor(positions)
    geos = data["geo"].to_numpy() if by_geo else np.array([NATIONAL])
    out = np.empty((len(positions), len(geos), predictor.weeks), dtype=np.float32)
    for which in predictor.chunks():
        base = predictor.expected(predictor.baseline_terms(which), which)
        out[which] = base if by_geo else base.sum(axis=1, keepdims=True)
    return xr.DataArray(
        out.reshape(posterior.chains, len(kept), *out.shape[1:]),
        dims=("chain", "draw", "geo", "week"),
        coords={
            "chain": draws["chain"].to_numpy(),
            "draw": draws["draw"].to_numpy()[kept],
            "geo": geos,
            "week": week_coordinate(data["week"].to_numpy(), posterior.spec),
        },
        name="baseline",
        attrs={"unit": posterior.spec.kpi.column, "approximate": approximation(posterior)},
    )


def _summary(part: Decomposition) -> xr.Dataset:
    """Mean and 5 % and 95 % quantiles over the draws, geos summed."""
    draws = np.concatenate([chunk.sum(axis=1, dtype=float).astype(np.float32) for chunk in part.chunks()])
    total = draws.sum(axis=2, dtype=np.float64)
    # component by component: a quantile sorts a copy of what it is given
    quantiles = np.stack(
        [np.quantile(draws[..., i], [0.05, 0.95], axis=0) for i in range(draws.shape[2])], axis=1
    )
    bounds = np.quantile(total, [0.05, 0.95], axis=0)
    shape = ("component", "week")
    return xr.Dataset(
        {
            "mean": (shape, draws.mean(axis=0, dtype=np.float64).T),
            "q05": (shape, quantiles[0]),
            "q95": (shape, quantiles[1]),
            "predicted": (("week",), total.mean(axis=0)),
            "predicted_q05": (("week",), bounds[0]),
            "predicted_q95": (("week",), bounds[1]),
        }
    )
