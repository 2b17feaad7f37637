"""The model by its definitions: loops over weeks and lags, SciPy's distributions, nothing of the engine's own code."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpyro import handlers
from numpyro.distributions import biject_to
from scipy import stats

from mmm_core.data.arrays import model_data
from mmm_core.model.model import Effects, Model, ModelArrays
from mmm_core.model.prepare import PreparedModel, prepare
from mmm_core.spec.model_spec import ModelSpec, parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

CHANNELS = {
    "tv": {"spend": "tv_spend", "adstock": {"kind": "delayed", "l_max": 6}},
    "search": {
        "spend": "search_spend",
        "exposure": "search_clicks",
        "adstock": {"kind": "weibull_pdf", "l_max": 3},
        "saturation": {"kind": "logistic"},
    },
    "radio": {"spend": "radio_spend", "adstock": {"kind": "none"}, "saturation": {"kind": "tanh"}},
    "video": {
        "spend": "video_spend",
        "reach": "video_reach",
        "frequency": "video_frequency",
        "adstock": {"l_max": 5},
        "saturation": {"slope": 1.3},
    },
    "press": {
        "spend": "press_spend",
        "adstock": {"kind": "binomial", "l_max": 4},
        "saturation": {"kind": "power", "before_adstock": True},
    },
}
NEWSLETTER = {
    "exposure": "sends",
    "adstock": {"kind": "weibull_cdf", "l_max": 2},
    "saturation": {"kind": "michaelis_menten"},
}


def family_table(weeks=60, geos=("all",), seed=0):
    """The table of `weekly_table` with more media, reach and frequency, and a promotion."""
    table = weekly_table(weeks, geos, seed)
    rng = np.random.default_rng(seed + 1)
    size, rows = table["population"] / 1000, len(table)
    reach = size * 400 * rng.beta(2, 3, rows) * (rng.random(rows) < 0.8)
    return table.assign(
        radio_spend=size * 30 * rng.gamma(2, 1, rows) * (rng.random(rows) < 0.6),
        press_spend=size * 20 * rng.gamma(3, 1, rows) * (rng.random(rows) < 0.9),
        video_reach=reach,
        video_frequency=rng.uniform(1, 5, rows),
        video_spend=reach * 0.3,
        promotion=rng.binomial(3, 0.3, rows).astype(float),
    )


def family_spec(channels=None, organic=None, media=None, **changes):
    """A specification with every kind of media; `channels` adds to what channels state."""
    stated = {name: {**CHANNELS[name], **(channels or {}).get(name, {})} for name in CHANNELS}
    newsletter = {**NEWSLETTER, **(organic or {})}
    return parse_spec(
        {
            **SPEC,
            "media": {"channels": stated, "organic": {"newsletter": newsletter}, **(media or {})},
            **changes,
        }
    )


# Tests compile much and run little.
compiled = partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
)


@dataclass(frozen=True)
class Drawn:
    """A model and a draw of what it samples."""

    prepared: PreparedModel
    sites: dict[str, np.ndarray]

    @property
    def spec(self) -> ModelSpec:
        return self.prepared.spec

    @property
    def data(self) -> xr.Dataset:
        return self.prepared.data

    @property
    def model(self) -> Model:
        return self.prepared.model

    @property
    def arrays(self) -> ModelArrays:
        return self.prepared.arrays

    @cached_property
    def effects(self) -> Effects:
        """What the draw implies."""
        program = compiled(lambda arrays, sites: handlers.substitute(self.model.effects, data=sites)(arrays))
        return program(self.arrays, self.sites)

    @cached_property
    def density(self) -> tuple[float, dict[str, np.ndarray]]:
        """Log density of the draw and its gradient; with the effects, in one program."""

        def density(sites, arrays):
            with handlers.trace() as trace:
                effects = handlers.substitute(self.model, data=sites)(arrays)
            return sum(jnp.sum(site["fn"].log_prob(site["value"])) for site in trace.values()), effects

        program = compiled(jax.value_and_grad(density, has_aux=True))
        (value, self.__dict__["effects"]), slopes = program(self.sites, self.arrays)
        return float(value), jax.tree.map(np.asarray, slopes)

    def at(self, **sites) -> Drawn:
        """The same model at other values of some sites."""
        return replace(self, sites={**self.sites, **sites})


def sample_sites(model, arrays):
    """Support and shape of every site that the model samples."""
    found = {}

    def look(arrays):
        trace = handlers.trace(handlers.seed(model.effects, jax.random.key(0))).get_trace(arrays)
        found.update({name: (site["fn"].support, site["fn"].shape()) for name, site in trace.items()})

    jax.eval_shape(look, arrays)
    return found


def drawn(spec, table, seed=0, holdout_weeks=0, **sites):
    """A model with plausible values of what it samples: about 0, 1 or 1/2 as the support has it, or `sites`."""
    data = model_data(table, spec, holdout_weeks=holdout_weeks)
    prepared = prepare(data, spec)
    rng = np.random.default_rng(seed)
    values = {
        name: np.asarray(biject_to(support)(0.5 * rng.normal(size=shape)))
        for name, (support, shape) in sample_sites(prepared.model, prepared.arrays).items()
    }
    values |= {name: np.asarray(value) for name, value in sites.items()}
    return Drawn(prepared, values)


def lag_weights(kind, l_max, p):
    """Normalised weights of lags 0..l_max."""
    weights = []
    for lag in range(l_max + 1):
        match kind:
            case "none":
                weight = float(lag == 0)
            case "geometric":
                weight = p["alpha"] ** lag
            case "delayed":
                weight = p["alpha"] ** ((lag - p["peak"]) ** 2)
            case "binomial":
                weight = (1 - lag / (l_max + 1)) ** (1 / p["alpha"] - 1)
            case "weibull_pdf":
                weight = stats.weibull_min(p["shape"], scale=p["scale"]).pdf(lag + 1)
            case "weibull_cdf":
                survival = stats.weibull_min(p["shape"], scale=p["scale"]).sf
                weight = math.prod(survival(week) for week in range(1, lag + 1))
        weights.append(weight)
    return np.array(weights) / sum(weights)


def curve(kind, media, p):
    """Saturation of media."""
    match kind:
        case "none":
            return media
        case "hill":
            return media ** p["slope"] / (p["half_saturation"] ** p["slope"] + media ** p["slope"])
        case "michaelis_menten":
            return media / (p["half_saturation"] + media)
        case "logistic":
            return (1 - np.exp(-p["rate"] * media)) / (1 + np.exp(-p["rate"] * media))
        case "tanh":
            return np.tanh(np.arctanh(0.5) * media / p["half_saturation"])
        case "power":
            return media ** p["exponent"]


def response(spec, data, shape, times=1.0):
    """Response (channel, geo, week) of every modelled week, with `times` the media; times the reach where known.

    `shape` holds the parameters, name -> (channel,).
    """
    weeks, out = data.sizes["week"], np.zeros((len(spec.channels), data.sizes["geo"], data.sizes["week"]))
    history = data.sizes["media_week"] - weeks
    exposure = data["exposure"].to_numpy() / data["population"].to_numpy()[:, None, None]
    exposure = times * exposure / data["media_scale"].to_numpy()
    for c, channel in enumerate(spec.channel_specs):
        p = {name: float(np.asarray(values)[c]) for name, values in shape.items()}
        weights = lag_weights(channel.adstock.kind, channel.adstock.lags, p)
        saturation = channel.saturation
        for g in range(data.sizes["geo"]):
            media = exposure[g, :, c]
            if channel.frequency:
                frequency = data["frequency"].to_numpy()[g, :, c] / float(data["frequency_scale"][c])
                media = media * curve(saturation.kind, frequency, p)
            elif saturation.before_adstock:
                media = curve(saturation.kind, media, p)
            for t in range(weeks):
                carried = sum(weight * media[history + t - lag] for lag, weight in enumerate(weights))
                after = not (channel.frequency or saturation.before_adstock)
                out[c, g, t] = curve(saturation.kind, carried, p) if after else carried
    return out


def media_terms(spec, data, parameters, times=1.0):
    """What each channel adds to the scaled linear predictor, (channel, geo, week)."""
    terms = response(spec, data, parameters.shape, times)
    terms = terms * np.asarray(parameters.coefficient).T[:, :, None]
    if parameters.multiplier is not None:
        terms = terms * np.asarray(parameters.multiplier).T[:, None, :]
    return terms


def outcome_of(spec, data, terms):
    """Outcome (channel, geo) of terms (channel, geo, week) of the linear predictor; first order on the log scale."""
    value = float(data["kpi_scale"]) * data["revenue_per_kpi"].to_numpy()
    if spec.kpi.scale == "log":
        kpi = data["kpi"].where(data["observed"])
        value = value * kpi.fillna(kpi.mean("week")).to_numpy()
    else:
        value = value * data["population"].to_numpy()[:, None]
    return (terms * value).sum(axis=2)


def scaled_kpi(spec, data):
    """KPI per head, or its logarithm, in scaled units, nan where it is not observed."""
    kpi = data["kpi"].to_numpy() / data["population"].to_numpy()[:, None]
    kpi = np.log(kpi) if spec.kpi.scale == "log" else kpi
    scaled = kpi / float(data["kpi_scale"]) - data["kpi_centre"].to_numpy()[:, None]
    return np.where(data["observed"].to_numpy(), scaled, np.nan)
