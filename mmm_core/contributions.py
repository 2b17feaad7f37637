"""Decomposition of the KPI: what each channel and each part of the baseline brought, week by week.

Components are the channels, `baseline` (intercept, level and trend), `seasonality`, and each control and event by name.
Controls are measured from their average over the window, so theirs is the effect of differing from it. For every draw
the components add up to the model's prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.data import INTERCEPT
from mmm_core.media import MediaModel, MediaParameters, media_parameters, some_draws
from mmm_core.posterior import spec_of

BASELINE = "baseline"
SEASONALITY = "seasonality"

_CHUNK = 1_000_000
"""Numbers a chunk of draws may hold (8 MB an array): a panel streams through instead of standing in memory."""


@dataclass(frozen=True)
class Decomposition:
    """The parts of a posterior that a decomposition reads, draws flattened.

    Attributes:
        components: channels, then the parts of the baseline.
        groups: for each part of the baseline the positions of its terms in the design.
        unit: (geo, week) what a unit of KPI is multiplied by: its revenue, or 1.
    """

    components: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    channels: int
    history: int
    media: MediaModel
    parameters: MediaParameters
    exposure: np.ndarray
    level: np.ndarray
    fixed_effect: np.ndarray
    design: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, tree: xr.DataTree, revenue: bool = True, draws: np.ndarray | None = None) -> Decomposition:
        """From a posterior: in revenue or in the KPI's own units, of all flattened draws or those at `draws`."""
        spec, data = spec_of(tree), tree["constant_data"].to_dataset()
        groups = baseline_groups([str(term) for term in data["term"].to_numpy()])
        posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"), create_index=False)
        kept = posterior if draws is None else posterior.isel(sample=draws)
        unit = data["revenue_per_kpi"].to_numpy() if revenue else np.ones(data["kpi"].shape)
        with jax.enable_x64(True):
            parameters = media_parameters(tree, draws)
        return cls(
            components=(*spec.channels, *groups),
            groups=tuple(tuple(positions) for positions in groups.values()),
            channels=len(spec.channels),
            history=data.sizes["media_week"] - data.sizes["week"],
            media=MediaModel.of(data, spec),
            parameters=parameters,
            exposure=data["exposure"].to_numpy(),
            level=kept["level"].transpose("sample", "week").to_numpy(),
            fixed_effect=kept["fixed_effect"].transpose("sample", "geo", "term").to_numpy(),
            design=data["design"].to_numpy(),
            unit=unit,
        )

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.level)

    def geo(self, position: int) -> Decomposition:
        """The same for one geo."""
        at = slice(position, position + 1)
        return replace(
            self,
            media=self.media.geo(position),
            parameters=self.parameters._replace(coefficient=self.parameters.coefficient[:, at]),
            exposure=self.exposure[at],
            fixed_effect=self.fixed_effect[:, at],
            design=self.design[at],
            unit=self.unit[at],
        )

    def chunks(self) -> Iterator[np.ndarray]:
        """All draws in order, a chunk at a time, each (draw, geo, week, component)."""
        size = max(1, _CHUNK // (self.exposure.shape[0] * self.exposure.shape[1] * len(self.components)))
        with jax.enable_x64(True):
            effect = jax.jit(self.media.effect)
            for start in range(0, self.draws, size):
                yield self._chunk(slice(start, start + size), effect)

    def _chunk(self, at: slice, effect) -> np.ndarray:  # type: ignore[no-untyped-def]
        parameters = some_draws(self.parameters, at)
        media = np.asarray(effect(parameters, jnp.asarray(self.exposure)))[:, :, self.history :]
        scale = self.media.unit[:, None]
        out = np.empty((*media.shape[:3], len(self.components)))
        out[..., : self.channels] = media
        for position, terms in enumerate(self.groups):
            columns = list(terms)
            part = np.einsum("gtk,ngk->ngt", self.design[..., columns], self.fixed_effect[:, :, columns][at])
            if position == 0:  # the level moves about the intercept
                part += self.level[at, None, :]
            out[..., self.channels + position] = part * scale
        return out * self.unit[..., None]


def baseline_groups(terms: list[str]) -> dict[str, list[int]]:
    """Parts of the baseline and the positions of their terms: baseline, seasonality, then each other term."""
    groups: dict[str, list[int]] = {BASELINE: []}
    for position, term in enumerate(terms):
        if term in (INTERCEPT, "trend"):
            name = BASELINE
        elif term.startswith(("sin_", "cos_")) and term[4:].isdigit():
            name = SEASONALITY
        else:
            name = term
        groups.setdefault(name, []).append(position)
    return groups


def contributions(tree: xr.DataTree, by_geo: bool = False, revenue: bool = True) -> xr.Dataset:
    """Weekly contribution of every component.

    Args:
        tree: a posterior.
        by_geo: keep the geos apart; else they are summed, draw by draw.
        revenue: in revenue, or in the KPI's own units.

    Returns:
        Dataset over (component, week), or (component, geo, week), with mean, q05 and q95; `actual` and
        `predicted` (with q05, q95) over the weeks; attrs `unit` (revenue or kpi) and `channels`.
    """
    whole = Decomposition.of(tree, revenue)
    data = tree["constant_data"].to_dataset()
    actual = data["kpi"] * (data["revenue_per_kpi"] if revenue else 1.0)
    if by_geo:
        parts = [_summary(whole.geo(position)) for position in range(data.sizes["geo"])]
        summary = xr.concat(parts, dim=data["geo"], join="exact").transpose("component", "geo", "week", ...)
    else:
        summary = _summary(whole)
        actual = actual.sum("geo", skipna=False)
    summary = summary.assign_coords(component=list(whole.components), week=data["week"].to_numpy())
    summary["actual"] = actual.drop_vars("geo", errors="ignore") if not by_geo else actual
    summary.attrs = {
        "unit": "revenue" if revenue else "kpi",
        "channels": list(whole.components[: whole.channels]),
    }
    return summary


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
