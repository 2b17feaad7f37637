"""How much a posterior depends on its priors: power-scaling.

The posterior with a group of priors (or the likelihood) raised to the power alpha is reached from the draws at hand by
importance weights, log w = (alpha - 1) log p, Pareto-smoothed (Kallioinen, Paananen, Buerkner and Vehtari 2023). Two
figures a channel's ROI: the cumulative Jensen-Shannon distance by which its distribution moves, as a gradient in log2
alpha (ArviZ's `psens`), and the relative change of its mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.adstock import ADSTOCKS
from mmm_core.media import MediaModel, MediaParameters, media_parameters, saturated_media, some_draws
from mmm_core.model import BUMP, Model, ModelArrays, model_arrays
from mmm_core.pointwise import log_likelihood_of_draws, of_draws, positions, refuse_without_a_likelihood
from mmm_core.posterior import spec_of
from mmm_core.priors import Prior

DELTA = 0.25
"""Priors are raised to the powers 1 / (1 + DELTA) and 1 + DELTA."""
SENSITIVE = 0.05
"""A distance from which a figure counts as sensitive (Kallioinen et al. 2023, section 3.4)."""
DRAWS = 4000
LIKELIHOOD, PRIORS = "likelihood", "all priors"
GROUPS = {
    "effect": "the channels' effects",
    "adstock": "adstock",
    "saturation": "saturation",
    "geos": "the spread over geos",
    "treatments": "the treatments' effects",
    "level": "the level's movement",
    "noise": "the noise",
}
"""Groups of priors, in words."""

_CHUNK = 2_000_000


@dataclass(frozen=True)
class Sensitivity:
    """What scaling does to each channel's ROI.

    Attributes:
        model: its name. approximate: what is approximate about its engine, "" where nothing is.
        table: a row a component (a group of priors, all priors, the likelihood) and channel: component, channel,
            distance, weaker and stronger (relative change of the mean ROI at the lower and the higher power), khat
            (above 0.7 the row is not reliable).
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
        at = change.idxmax()
        return float(change[at]), str(table.loc[at, "channel"]), str(table.loc[at, "component"])


def sensitivity(tree: xr.DataTree) -> Sensitivity:
    """Power-scale the priors and the likelihood of a posterior.

    Raises:
        InputError: the engine has no likelihood (ridge).
    """
    refuse_without_a_likelihood(tree, "power-scaling")
    at = positions(tree, DRAWS)
    prior = log_prior(tree, at)
    components = {**prior, LIKELIHOOD: log_likelihood_of_draws(tree, at)}
    if len(prior) > 1:
        components[PRIORS] = np.sum(list(prior.values()), axis=0)
    roi = of_draws(tree, "roi", at)
    paid = [str(name) for name in tree["posterior"]["paid_channel"].to_numpy()]
    chains = tree["posterior"].sizes["chain"]
    rows = [
        {"component": name, "channel": channel, **{key: value[i] for key, value in moved.items()}}
        for name, log_density in components.items()
        for moved in [power_scale(log_density.reshape(chains, -1), roi.reshape(chains, -1, len(paid)))]
        for i, channel in enumerate(paid)
    ]
    table = pd.DataFrame(rows)
    words = {channel: _diagnosis(channel, table[table["channel"] == channel]) for channel in paid}
    return Sensitivity(str(tree.attrs["model"]), str(tree.attrs["approximate"]), table, words)


def power_scale(log_density: np.ndarray, quantities: np.ndarray) -> dict[str, np.ndarray]:
    """What raising a component's density to the powers 1 / (1 + DELTA) and 1 + DELTA does to some quantities.

    Args:
        log_density: of the component, (chain, draw). quantities: (chain, draw, quantity).

    Returns:
        distance, weaker, stronger and khat of `Sensitivity.table`, each (quantity,).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        draws = arviz.from_dict(posterior={"x": quantities})
        draws.add_groups({"log_prior": {"component": log_density}})
        distance = arviz.psens(draws, component="prior", var_names=["x"], delta=DELTA).to_numpy()
        flat = quantities.reshape(-1, quantities.shape[-1])
        mean, changes, khats = flat.mean(0), [], []
        for power in (1 / (1 + DELTA), 1 + DELTA):
            smoothed, khat = arviz.psislw((power - 1) * log_density.ravel())
            moved = np.exp(smoothed) @ flat / np.exp(smoothed).sum()
            changes.append(moved / np.where(mean == 0, np.nan, mean) - 1)
            khats.append(float(khat))
    # weights that do not vary have no tail to fit
    khat = 0.0 if np.ptp(log_density) == 0 else max(khats)
    return {
        "distance": np.nan_to_num(distance),
        "weaker": changes[0],
        "stronger": changes[1],
        "khat": np.full(len(mean), khat),
    }


def log_prior(tree: xr.DataTree, at: np.ndarray) -> dict[str, np.ndarray]:
    """Log prior density of some draws by group, each (draw,); groups whose priors are all fixed are left out.

    What a draw says of each prior is worked out from the posterior's variables. Priors within the hierarchy (geos'
    deviations, knots of a multiplier, weights of heavy-tailed noise) are part of the model and are not scaled. Where
    the effects of geos are integrated out, the stated effect is taken as that of the panel as drawn.
    """
    spec, data = spec_of(tree), tree["constant_data"].to_dataset()
    with jax.enable_x64(True):
        model, arrays = Model.of(data, spec), model_arrays(data, spec)
        effect = stated_effects(tree, model, arrays, at)
    priors = model.priors
    out: dict[str, np.ndarray] = {}

    def add(group: str, stated: Sequence[Prior], values: np.ndarray) -> None:
        """Values (draw, ..., entry), one entry a prior."""
        for i, prior in enumerate(stated):
            if prior.family != "fixed":
                density = prior.frozen().logpdf(values[..., i]).reshape(len(at), -1).sum(1)
                out[group] = out.get(group, 0.0) + density

    add("effect", priors["effect"], effect)
    if model.groups is not None:
        out["effect"] = out["effect"] + _copula(model, effect, of_draws(tree, "correlation", at))
        add("effect", priors["correlation"], of_draws(tree, "correlation", at))
    carryover = {name for kind in model.layout.adstock_kind for name in ADSTOCKS[kind].parameters}
    for name, channels in model.layout.parameters.items():
        group = "adstock" if name in carryover else "saturation"
        add(group, priors[name], of_draws(tree, name, at)[:, list(channels)])
    if "geo_spread" in priors:
        add("geos", priors["geo_spread"], of_draws(tree, "geo_spread", at))
    if "treatment" in priors:
        terms = [str(term) for term in data["term"].to_numpy()]
        columns = [terms.index(name) for name in spec.sampled_treatments]
        drawn = of_draws(tree, "fixed_effect", at)[:, 0, columns] / np.asarray(arrays.treatment_unit)
        add("treatments", priors["treatment"], drawn)
    for name in ("tau", "tau_slope"):
        if name in priors:
            add("level", priors[name], of_draws(tree, name, at)[:, None])
    add("noise", [Prior.model_validate({"halfnormal": [1.0]})], of_draws(tree, "sigma", at)[:, None])
    if "nu" in priors:
        add("noise", priors["nu"], of_draws(tree, "nu", at)[:, None])
    return out


def stated_effects(tree: xr.DataTree, model: Model, arrays: ModelArrays, at: np.ndarray) -> np.ndarray:
    """What each channel's prior is on (ROI, marginal ROI, share, coefficient), (draw, geo or 1, channel)."""
    data = tree["constant_data"].to_dataset()
    media = MediaModel.of(data, model.spec)
    more = media.inputs(data["exposure"].to_numpy() * (1 + BUMP), window=data.sizes["week"])
    kinds = np.array([belief.kind for belief in model.beliefs])

    def worth(parameters: MediaParameters, inputs: object) -> jax.Array:
        response = saturated_media(model.layout, inputs, parameters.shape)  # type: ignore[arg-type]
        if parameters.multiplier is not None:
            response = response * parameters.multiplier.T[:, None, :]
        out = jnp.einsum("cgt,gt,gc->gc", response, arrays.outcome_value, parameters.coefficient)
        return out if model.per_geo else out.sum(0, keepdims=True)

    def one(parameters: MediaParameters) -> jax.Array:
        total = worth(parameters, arrays.media)
        stated = total
        if "mroi" in kinds:
            stated = jnp.where(kinds == "mroi", (worth(parameters, more) - total) / BUMP, total)
        coefficient = parameters.coefficient
        direct = coefficient if model.per_geo else coefficient.mean(0, keepdims=True)
        return jnp.where(kinds == "coefficient", direct, stated / arrays.effect_unit)

    parameters = jax.tree.map(jnp.asarray, media_parameters(tree, at))
    size = max(1, _CHUNK // data["exposure"].size)
    program = jax.jit(jax.vmap(one))
    parts = [np.asarray(program(some_draws(parameters, slice(i, i + size)))) for i in range(0, len(at), size)]
    return np.concatenate(parts)


def _copula(model: Model, effect: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Log density that correlation within groups adds to that of independent effects, (draw,)."""
    groups, priors = model.groups, model.priors["effect"]
    assert groups is not None
    total = np.zeros(len(effect))
    for group in range(int(groups.max()) + 1):
        at = np.flatnonzero(groups == group)
        location = np.array([priors[i].parameters for i in at])
        z = (np.log(effect[..., at]) - location[:, 0]) / location[:, 1]
        rho, size = correlation[:, group], len(at)
        whole = 1 + (size - 1) * rho
        squares, square = (z**2).sum(-1), z.sum(-1) ** 2
        quadratic = (squares - (rho / whole)[:, None] * square) / (1 - rho)[:, None] - squares
        log_det = (size - 1) * np.log(1 - rho) + np.log(whole)
        total += -0.5 * quadratic.sum(1) - 0.5 * log_det * z.shape[1]
    return total


def _diagnosis(channel: str, rows: pd.DataFrame) -> str:
    """One channel's figures in words."""
    by = rows.set_index("component")
    of_priors = by.loc[PRIORS if PRIORS in by.index else next(c for c in by.index if c in GROUPS)]
    data = by.loc[LIKELIHOOD]
    groups = by[by.index.isin(GROUPS)]
    strongest = str(groups["distance"].idxmax())
    change = float(groups[["weaker", "stronger"]].abs().max(axis=1)[strongest])
    source = f"mostly the prior of {GROUPS[strongest]}: a power of {1 / (1 + DELTA):g} or {1 + DELTA:g} moves its ROI "
    source += f"by up to {change:.0%}"
    sensitive = float(groups["distance"].max()) >= SENSITIVE or float(of_priors["distance"]) >= SENSITIVE
    if not sensitive:
        said = f"{channel} does not hang on its priors"
        if float(data["distance"]) < SENSITIVE:
            said += ", and the data hardly move it either: see whether anything was learnt of it"
    elif float(data["distance"]) < SENSITIVE:
        said = f"{channel}: strong prior or weak data, its ROI is what the prior says ({source})"
    elif float(of_priors["stronger"]) * float(data["stronger"]) < 0:
        said = f"{channel}: prior and data pull apart ({source}): check the prior, then the data"
    else:
        said = f"{channel}: prior and data both shape its ROI, in the same direction ({source})"
    if float(rows["khat"].max()) > 0.7:
        said += "; k-hat above 0.7, the figures are rough"
    return said
