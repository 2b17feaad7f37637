"""What the data could tell of each channel, in words: how far from its prior, and with what it is confused.

Five figures: contraction from prior to posterior; the correlation of a channel's contribution with the other channels'
and with the baseline's, over the draws; the correlation of its media with another channel's, over the weeks; how much
of its media's movement the rest of the model could do as well (the variance inflation factor); and in how many weeks
its media changed at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.quarters import filled, whole_quarters
from mmm_core.effects.roi import roi_draws
from mmm_core.forecast.predictive import baseline_and_expected
from mmm_core.model.beliefs import EffectBelief, effect_beliefs
from mmm_core.model.media import MediaLayout, MediaModel, MediaParameters
from mmm_core.posterior.handle import Posterior
from mmm_core.threads import one_blas_thread

DRAWS = 1000
CONFUSED = -0.7
"""A correlation of contributions below says that the data cannot tell two parts apart."""
COLLINEAR = 10.0
"""A variance inflation factor above says that the rest of the model moves as the channel does."""
TWIN = 0.98
"""Two channels whose media correlate above are one to the data: only their priors divide what the two bring."""
MOVED = 0.1
"""A week's media count as changed when they differ from the week before by more than this share of their mean."""
FEW = 0.1
"""A channel that changed in a smaller share of the weeks hardly varied."""


@dataclass(frozen=True)
class Identification:
    """What is known of one channel.

    Attributes:
        channel: its name.
        contraction: 1 - (posterior width / prior width)^2; nan where the prior fixes the effect.
        rival: the channel whose contribution its own is most negatively correlated with, "" with one channel.
        rival_correlation, baseline_correlation: over the draws; nan where a contribution does not vary.
        inflation: variance inflation factor of its saturated, carried-over media beside the other channels' and the
            baseline's terms.
        changed, weeks: in how many weeks its media changed, and of how many.
        weak: a contraction below says that the data told nothing.
        twin: the channel whose media move as its own do, "" without one.
        twin_correlation: over the weeks, of their media before or after carryover, whichever is higher; nan without.
    """

    channel: str
    contraction: float
    rival: str
    rival_correlation: float
    baseline_correlation: float
    inflation: float
    changed: int
    weeks: int
    weak: float
    twin: str = ""
    twin_correlation: float = float("nan")

    @property
    def identified(self) -> bool:
        """Whether the data moved the effect from its prior."""
        return not self.contraction < self.weak

    @property
    def confused(self) -> bool:
        """Whether another channel could have done the same."""
        return bool(self.twin) or self.rival_correlation < CONFUSED

    @property
    def sentence(self) -> str:
        """All of it in one plain sentence."""
        name = self.channel
        if np.isnan(self.contraction):
            return f"{name}: its effect is fixed by its prior"
        known = f"contraction {self.contraction:.2f}"
        if self.twin:
            words = f"{name} cannot be told apart from {self.twin} (their media correlate "
            words += (
                f"{self.twin_correlation:.2f}): only their sum is known; merge them, vary them at different "
            )
            words += f"times or test one ({known})"
        elif self.confused:
            words = (
                f"{name} cannot be told apart from {self.rival} (correlation {self.rival_correlation:.2f}): "
            )
            words += f"what one is credited with the other loses; vary them at different times or test one ({known})"
        elif not self.identified:
            words = f"{name} is not identified ({known}): its figure is its prior's"
        elif self.baseline_correlation < CONFUSED and self.contraction < 0.5:
            words = f"{name} is hard to tell from the baseline (correlation {self.baseline_correlation:.2f}, {known}): "
            words += "a lift test or weeks without it would"
        elif self.contraction < 0.5:
            words = f"{name}: the data say little ({known}), its prior still decides"
        else:
            return f"{name}: the data tell its effect ({known})"
        return words + (f"; {' and '.join(self.reasons)}" if self.reasons else "")

    @property
    def reasons(self) -> list[str]:
        """What about its media makes a channel hard to identify."""
        why = []
        if self.changed < FEW * self.weeks:
            why.append(f"its media changed in {self.changed} of {self.weeks} weeks only")
        if self.inflation > COLLINEAR:
            why.append(
                f"the rest of the model moves as its media do (variance inflation {self.inflation:.0f})"
            )
        return why


@one_blas_thread
def identify(tree: xr.DataTree | Posterior, weak: float | None = None) -> tuple[Identification, ...]:
    """What the data could tell of every channel.

    Args:
        tree: a posterior.
        weak: contraction below which a channel is not identified; that of the specification's `review` by default.
    """
    posterior = Posterior.of(tree)
    spec, data, metrics = posterior.spec, posterior.data, roi_draws(posterior)
    weak = spec.review.contraction if weak is None else weak
    positions = posterior.thinned(DRAWS)
    baseline = baseline_and_expected(posterior, positions)[0]
    baseline = (baseline * data["revenue_per_kpi"].to_numpy()).sum((1, 2))
    parts = np.column_stack([metrics["contribution"].to_numpy()[positions], baseline])
    correlation = _correlation(parts)
    inflation, alike = _inflation(posterior), _media_correlation(posterior)
    exposure = data["exposure"].to_numpy()
    steps = np.abs(np.diff(exposure, axis=1, prepend=exposure[:, :1]))[:, -data.sizes["week"] :]
    moved = steps > MOVED * exposure.mean(axis=1, keepdims=True)
    out = []
    for i, (name, belief) in enumerate(zip(spec.channels, effect_beliefs(spec, data), strict=True)):
        others = [j for j in range(len(spec.channels)) if j != i and np.isfinite(correlation[i, j])]
        rival = min(others, key=lambda j: correlation[i, j]) if others else None
        twins = [j for j in range(len(spec.channels)) if j != i and alike[i, j] > TWIN]
        twin = max(twins, key=lambda j: alike[i, j]) if twins else None
        out.append(
            Identification(
                name,
                contraction(posterior, name, belief),
                "" if rival is None else spec.channels[rival],
                float("nan") if rival is None else float(correlation[i, rival]),
                float(correlation[i, -1]),
                float(inflation[i]),
                int(moved[..., i].any(axis=0).sum()),
                data.sizes["week"],
                weak,
                "" if twin is None else spec.channels[twin],
                float("nan") if twin is None else float(alike[i, twin]),
            )
        )
    return tuple(out)


def contraction(posterior: Posterior, channel: str, belief: EffectBelief) -> float:
    """1 - (posterior width / prior width)^2, of 90 % intervals, on the log scale for an effect that is positive."""
    if belief.prior.family == "fixed":
        return float("nan")
    if belief.kind == "coefficient":
        draws = posterior.variables["coefficient"].sel(channel=channel).mean("geo").to_numpy()
    else:
        metric = {"roi": "roi", "mroi": "mroi", "contribution": "contribution_share"}[belief.kind]
        draws = roi_draws(posterior)[metric].sel(channel=channel).to_numpy()
    before, after = belief.prior.frozen().ppf([0.05, 0.95]), np.quantile(draws, [0.05, 0.95])
    if belief.prior.support()[0] >= 0:
        before, after = np.log(np.maximum(before, 1e-12)), np.log(np.maximum(after, 1e-12))
    return float(1 - ((after[1] - after[0]) / (before[1] - before[0])) ** 2)


def identification_table(found: tuple[Identification, ...]) -> pd.DataFrame:
    """A row a channel: every figure and the sentence."""
    names = [name for name in Identification.__dataclass_fields__ if name != "weak"]
    rows = [
        {**{name: getattr(channel, name) for name in names}, "sentence": channel.sentence}
        for channel in found
    ]
    return pd.DataFrame(rows)


def _correlation(draws: np.ndarray) -> np.ndarray:
    """Correlation of columns, nan for one that does not vary."""
    spread = draws.std(axis=0)
    centred = draws - draws.mean(axis=0)
    still = spread <= 1e-9 * np.maximum(np.abs(draws).max(axis=0), 1e-300)
    scaled = centred / np.where(still, np.nan, spread)
    return np.asarray(scaled.T @ scaled / len(draws))


def _media_correlation(posterior: Posterior) -> np.ndarray:
    """Correlation over the weeks of two channels' media, (channel, channel), around each geo's mean.

    The higher of before and after carryover: channels with the same media differ in shape by their priors alone.
    """
    model = posterior.media
    none = ("none",) * model.layout.channels
    found = []
    for carryover in (none, model.layout.adstock_kind):
        layout = replace(model.layout, adstock_kind=carryover, saturation_kind=none)
        media = _response(posterior, replace(model, layout=layout))
        found.append(_correlation(np.concatenate([geo - geo.mean(0) for geo in media])))
    return np.asarray(np.fmax(*found))


def _response(posterior: Posterior, model: MediaModel) -> np.ndarray:
    """Media as the KPI sees them, (geo, week, channel), at the posterior's mean parameters and a coefficient of 1."""
    everything, exposure = posterior.media_parameters(), posterior.data["exposure"].to_numpy()
    # whole quarters, as the fit has them: a further week runs the program of the week before
    weeks = exposure.shape[1]
    more = whole_quarters(weeks) - weeks
    frequency = None if model.frequency is None else filled(model.frequency, more, 1, "edge")
    with jax.enable_x64(True):
        shape = {name: values.mean(0) for name, values in everything.shape.items()}
        ones = np.ones(everything.coefficient.shape[1:])
        response = _effect(
            model.layout,
            model.media_scale,
            frequency,
            model.population,
            model.unit,
            MediaParameters(shape, ones),
            filled(exposure, more, 1),
        )
    return np.asarray(response)[:, posterior.history : weeks] / model.unit[:, None, None]


@partial(jax.jit, static_argnums=0)
def _effect(
    layout: MediaLayout,
    media_scale: Any,
    frequency: Any,
    population: Any,
    unit: Any,
    parameters: MediaParameters,
    exposure: Any,
) -> jax.Array:
    """`MediaModel.effect` of one draw, with its arrays as arguments."""
    return MediaModel(layout, media_scale, frequency, population, unit).effect(parameters, exposure)


def _inflation(posterior: Posterior) -> np.ndarray:
    """Variance inflation factor of each channel's media as the KPI sees them, at the posterior's mean parameters."""
    data = posterior.data
    response = _response(posterior, posterior.media)
    design = data["design"].to_numpy()
    known = data["observed"].to_numpy()
    # every geo has a baseline of its own: take it out of the media geo by geo
    rest = np.concatenate(
        [_residual(response[g][known[g]], design[g][known[g]]) for g in range(len(response))]
    )
    whole = np.concatenate(
        [response[g][known[g]] - response[g][known[g]].mean(0) for g in range(len(response))]
    )
    out = np.full(response.shape[-1], np.inf)
    for i in range(len(out)):
        left = _residual(rest[:, [i]], np.delete(rest, i, axis=1))
        if (left**2).sum() > 0:
            out[i] = (whole[:, i] ** 2).sum() / (left**2).sum()
    return out


def _residual(columns: np.ndarray, on: np.ndarray) -> np.ndarray:
    return (
        columns
        if on.shape[1] == 0
        else np.asarray(columns - on @ np.linalg.lstsq(on, columns, rcond=None)[0])
    )
