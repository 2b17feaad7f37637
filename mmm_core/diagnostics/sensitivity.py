"""How much a posterior depends on its priors: power-scaling, see `mmm_core.diagnostics.power_scaling`.

Two figures a channel's ROI: the cumulative Jensen-Shannon distance by which its distribution moves when a group of
priors (or the likelihood) is raised to a power, as a gradient in log2 of the power, and the relative change of its
mean. A channel's ROI is asked about that channel's own priors on effect, adstock and saturation: scaling those of all
channels at once says less of each, with weights that degenerate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.diagnostics.power_scaling import DELTA, ScaledComponent, power_scale
from mmm_core.model.beliefs import BUMP
from mmm_core.model.model import Model, ModelArrays
from mmm_core.model.prepare import prepare
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.pointwise import log_likelihood_of_draws, refuse_without_a_likelihood
from mmm_core.priors import Prior
from mmm_core.threads import one_blas_thread
from mmm_core.transforms.adstock import ADSTOCKS

ROUGH = 0.7
"""A k-hat above says that the importance weights cannot be trusted."""
DRAWS = 4000
LIKELIHOOD, OWN = "likelihood", "own priors"
GROUPS = {
    "effect": "its effect",
    "adstock": "its adstock",
    "saturation": "its saturation",
    "variation": "how its effect varies over time",
    "groups": "the correlation within groups",
    "geos": "the spread over geos",
    "treatments": "the treatments' effects",
    "level": "the level's movement",
    "noise": "the noise",
}
"""Groups of priors, in words; the first four are a channel's own."""


@dataclass(frozen=True)
class Sensitivity:
    """What scaling does to each channel's ROI.

    Attributes:
        model: its name. approximate: what is approximate about its engine, "" where nothing is.
        table: a row a channel and component (a group of priors, the channel's own together, the likelihood): channel,
            component, distance, floor (the distance of a quantity that has nothing to do with the component),
            sensitive, weaker and stronger (relative change of the mean ROI at the lower and the higher power), khat
            (above 0.7 they are not reliable).
        diagnosis: a sentence a channel.
    """

    model: str
    approximate: str
    table: pd.DataFrame
    diagnosis: dict[str, str]

    @property
    def largest(self) -> tuple[float, str, str]:
        """Largest relative change of a mean ROI by a group of priors, its channel and group."""
        table = self.table[self.table["component"].isin(GROUPS)]
        change = table[["weaker", "stronger"]].abs().max(axis=1)
        row = change.idxmax()
        return float(change[row]), str(table.loc[row, "channel"]), str(table.loc[row, "component"])


@one_blas_thread
def sensitivity(tree: xr.DataTree | Posterior) -> Sensitivity:
    """Power-scale the priors and the likelihood of a posterior.

    Raises:
        InputError: the engine has no likelihood (ridge).
    """
    posterior = Posterior.of(tree)
    refuse_without_a_likelihood(posterior, "power-scaling")
    positions = posterior.thinned(DRAWS)
    shared, by_channel = log_prior(posterior, positions)
    shared[LIKELIHOOD] = log_likelihood_of_draws(posterior, positions)
    # a component's weights are the same whatever they are asked about
    common = {name: ScaledComponent.of(density) for name, density in shared.items()}
    roi = posterior.draws("roi", positions)
    rows, words = [], {}
    for i, channel in enumerate(posterior.spec.paid):
        densities = by_channel[channel]
        components = {name: ScaledComponent.of(density) for name, density in densities.items()} | common
        if len(densities) > 1:
            components[OWN] = ScaledComponent.of(np.sum(list(densities.values()), axis=0))
        mine = [
            {"channel": channel, "component": name, **power_scale(component, roi[:, i])}
            for name, component in components.items()
        ]
        words[channel] = _diagnosis(channel, pd.DataFrame(mine))
        rows += mine
    return Sensitivity(posterior.model, posterior.approximate, pd.DataFrame(rows), words)


def log_prior(
    posterior: Posterior, positions: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Log prior density of some draws, each (draw,): by group what channels share, and by channel and group their own.

    What a draw says of each prior is worked out from the posterior's variables; priors that are fixed are left out.
    Priors within the hierarchy (geos' deviations, knots of a multiplier, weights of heavy-tailed noise) are part of
    the model and are not scaled. Where the effects of geos are integrated out, the stated effect is taken as that of
    the panel as drawn. The correlation of a group's effects counts as shared.
    """
    spec, data = posterior.spec, posterior.data
    prepared = prepare(data, spec)
    model, arrays = prepared.model, prepared.arrays
    effect = stated_effects(posterior, model, arrays, positions)
    priors = model.priors
    common: dict[str, np.ndarray] = {}
    by_channel: dict[str, dict[str, np.ndarray]] = {channel: {} for channel in spec.channels}

    def add(to: dict[str, np.ndarray], group: str, prior: Prior, values: np.ndarray) -> None:
        if prior.family != "fixed":
            density = prior.frozen().logpdf(values).reshape(len(positions), -1).sum(1)
            to[group] = to[group] + density if group in to else density

    for i, channel in enumerate(spec.channels):
        add(by_channel[channel], "effect", priors["effect"][i], effect[..., i])
    if model.groups is not None:
        correlation = posterior.draws("correlation", positions)
        common["groups"] = _copula(model, effect, correlation)
        for i, prior in enumerate(priors["correlation"]):
            add(common, "groups", prior, correlation[:, i])
    carryover = {name for kind in model.layout.adstock_kind for name in ADSTOCKS[kind].parameters}
    for name, channels in model.layout.parameters.items():
        values = posterior.draws(name, positions)
        for prior, i in zip(priors[name], channels, strict=True):
            group = "adstock" if name in carryover else "saturation"
            add(by_channel[spec.channels[i]], group, prior, values[:, i])
    if "treatment" in priors:
        terms = [str(term) for term in data["term"].to_numpy()]
        columns = [terms.index(name) for name in spec.sampled_treatments]
        drawn = posterior.draws("fixed_effect", positions)[:, 0, columns] / np.asarray(arrays.treatment_unit)
        for i, prior in enumerate(priors["treatment"]):
            add(common, "treatments", prior, drawn[:, i])
    if "geo_spread" in priors:
        spread = posterior.draws("geo_spread", positions)
        for i, prior in enumerate(priors["geo_spread"]):
            add(common, "geos", prior, spread[:, i])
    if "multiplier_spread" in priors:
        varying = [i for i, channel in enumerate(spec.channel_specs) if channel.time_varying]
        spread = posterior.draws("multiplier_spread", positions)
        for i, prior in zip(varying, priors["multiplier_spread"], strict=True):
            add(by_channel[spec.channels[i]], "variation", prior, spread[:, i])
    half_normal = Prior.model_validate({"halfnormal": [1.0]})
    for group, name, prior in (
        *(("level", name, priors[name][0]) for name in ("tau", "tau_slope") if name in priors),
        ("noise", "sigma", half_normal),
        *(("noise", name, priors[name][0]) for name in ("nu",) if name in priors),
    ):
        add(common, group, prior, posterior.draws(name, positions))
    return common, by_channel


def stated_effects(
    posterior: Posterior, model: Model, arrays: ModelArrays, positions: np.ndarray
) -> np.ndarray:
    """What each channel's prior is on (ROI, marginal ROI, share, coefficient), (draw, geo or 1, channel)."""
    predictor, exposure = posterior.predictor(positions), posterior.data["exposure"].to_numpy()
    kinds = np.array([belief.kind for belief in model.beliefs])
    # of one unit of the predictor as the KPI counts it
    worth = arrays.outcome_value / posterior.media.unit[:, None]

    def outcome(which: slice, path: np.ndarray) -> np.ndarray:
        by_geo = np.einsum("ngtc,gt->ngc", predictor.media_terms(which, path), worth)
        return by_geo if model.per_geo else by_geo.sum(1, keepdims=True)

    def stated_effect(which: slice) -> np.ndarray:
        total = outcome(which, exposure)
        stated = total
        if "mroi" in kinds:
            stated = np.where(kinds == "mroi", (outcome(which, exposure * (1 + BUMP)) - total) / BUMP, total)
        coefficient = predictor.parameters.coefficient[which]
        direct = coefficient if model.per_geo else coefficient.mean(1, keepdims=True)
        return np.where(kinds == "coefficient", direct, stated / arrays.effect_unit)

    return np.concatenate([stated_effect(which) for which in predictor.chunks()])


def _copula(model: Model, effect: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Log density that correlation within groups adds to that of independent effects, (draw,)."""
    groups, priors = model.groups, model.priors["effect"]
    assert groups is not None
    total = np.zeros(len(effect))
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        location = np.array([priors[i].parameters for i in members])
        z = (np.log(effect[..., members]) - location[:, 0]) / location[:, 1]
        rho, size = correlation[:, group], len(members)
        whole = 1 + (size - 1) * rho
        squares, square = (z**2).sum(-1), z.sum(-1) ** 2
        quadratic = (squares - (rho / whole)[:, None] * square) / (1 - rho)[:, None] - squares
        log_det = (size - 1) * np.log(1 - rho) + np.log(whole)
        total += -0.5 * quadratic.sum(1) - 0.5 * log_det * z.shape[1]
    return total


def _diagnosis(channel: str, rows: pd.DataFrame) -> str:
    """One channel's figures in words."""
    by = rows.set_index("component")
    groups = by[by.index.isin(GROUPS)]
    strongest = str(groups["distance"].idxmax())
    change = float(groups[["weaker", "stronger"]].abs().max(axis=1)[strongest])
    stated = by.loc[OWN if OWN in by.index else strongest]
    data = by.loc[LIKELIHOOD]
    source = f"most with the prior of {GROUPS[strongest]}: a power of {1 / (1 + DELTA):g} or {1 + DELTA:g} moves its "
    source += f"mean ROI by up to {change:.0%}"
    if not bool(groups["sensitive"].any()) and not bool(stated["sensitive"]):
        words = f"{channel} does not hang on its priors"
        if not bool(data["sensitive"]):
            words += ", and no change of it with the data can be told from chance"
    elif not bool(data["sensitive"]):
        words = f"{channel}: strong prior or weak data, its ROI is what the prior says ({source})"
    elif float(stated["stronger"]) * float(data["stronger"]) < 0:
        words = f"{channel}: prior and data pull apart ({source}): check the prior, then the data"
    else:
        words = f"{channel}: prior and data both shape its ROI, in the same direction ({source})"
    if float(groups["khat"].max()) > ROUGH:
        words += f"; k-hat above {ROUGH}, the figures are rough"
    return words
