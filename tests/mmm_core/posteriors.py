"""Posteriors made by hand: known parameters on a small table, as an oracle that no sampler stands between."""

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.arrays import model_data
from mmm_core.inference.fit import origin
from mmm_core.posterior.schema import check_posterior
from mmm_core.spec.model_spec import parse_spec

SPEC = {
    "model": "small",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "controls": ["price"],
    "media": {
        "defaults": {"adstock": {"l_max": 4}},
        "channels": {
            "tv": {"spend": "tv_spend"},
            "search": {"spend": "search_spend", "exposure": "search_clicks"},
        },
        "organic": {"newsletter": {"exposure": "sends"}},
    },
    "budget": {"weeks": 6, "bounds": {"default": [0.5, 1.5]}},
    "fit": {"chains": 2, "warmup": 200, "draws": 200},
}


# One of nearly everything that a specification can ask for, on the columns of `weekly_table`.
FAMILY = {
    **SPEC,
    "media": {
        "defaults": {"adstock": {"l_max": 4}},
        "channels": {
            "tv": {
                "spend": "tv_spend",
                "group": "offline",
                "adstock": {"kind": "weibull_pdf"},
                "saturation": {"kind": "tanh"},
                "time_varying": {"every": 13},
            },
            "search": {
                "spend": "search_spend",
                "exposure": "search_clicks",
                "group": "online",
                "adstock": {"kind": "delayed"},
                "saturation": {"kind": "logistic", "before_adstock": True},
            },
            "video": {
                "spend": "video_spend",
                "reach": "video_reach",
                "frequency": "video_frequency",
                "group": "online",
            },
        },
        "organic": {
            "newsletter": {
                "exposure": "sends",
                "adstock": {"kind": "none"},
                "saturation": {"kind": "power"},
            }
        },
        "pooling": {"by": "group"},
    },
    "treatments": {
        "promotion": {"column": "promotion_share", "prior": {"coefficient": {"normal": [0, 1]}}},
        "discount": {"column": "discount", "baseline": "zero"},
    },
    "baseline": {
        "slope": "random_walk",
        "holidays": {"country": "US", "names": ["Thanksgiving Day", "Christmas Day"], "window": [-1, 0]},
        "events": {"strike": ["2024-05-01"]},
        "steps": {"new_shop": "2024-09-04"},
    },
    "likelihood": "student_t",
}


def weekly_table(weeks=64, geos=("all",), seed=0):
    """A weekly table for SPEC; several geos make a panel of unequal populations."""
    rng, more = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    parts = []
    for position, geo in enumerate(geos):
        size = 1.0 + position
        week = np.arange(weeks)
        tv = size * 100 * rng.gamma(2, 1, weeks) * (rng.random(weeks) < 0.7)
        search = size * 60 * rng.gamma(5, 0.2, weeks)
        reach = size * 1000 * more.gamma(2, 1, weeks) * (more.random(weeks) < 0.8)
        frequency = np.where(reach > 0, 1 + more.gamma(2, 1, weeks), np.nan)
        revenue = 900 + 60 * np.sin(2 * np.pi * week / 52.18) + rng.normal(0, 25, weeks)
        parts.append(
            pd.DataFrame(
                {
                    "week_start": pd.date_range("2024-01-01", periods=weeks, freq="7D"),
                    "geo": geo,
                    "population": 1000.0 * size,
                    "revenue": size * (revenue + 1.5 * search / size + 0.5 * tv / size),
                    "orders": size * (revenue / 30),
                    "order_value": 30.0 + rng.normal(0, 0.5, weeks),
                    "tv_spend": tv,
                    "search_spend": search,
                    "search_clicks": search * 2.5,
                    "sends": size * rng.poisson(4, weeks).astype(float),
                    "price": rng.normal(10, 1, weeks),
                    "video_spend": reach * np.nan_to_num(frequency) * 0.01,
                    "video_reach": reach,
                    "video_frequency": frequency,
                    "promotion_share": more.beta(1, 4, weeks),
                    "discount": more.uniform(0, 0.3, weeks) * (more.random(weeks) < 0.3),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def posterior(spec=None, table=None, draws=20, chains=2, seed=1, holdout_weeks=0, **fixed):
    """A posterior of the engine's layout whose draws scatter around plausible parameters.

    It has the variables that the specification brings with it: parameters of its kinds of adstock and saturation,
    multiplier, slope_path, nu ... `fixed` sets a variable's value for every draw, such as slope=3.0, nu=4 or
    coefficient=[[1, 2, 0]]; a parameter of adstock or saturation stays nan for channels that do not have it.
    """
    spec = spec if hasattr(spec, "paid") else parse_spec(SPEC if spec is None else spec)
    table = weekly_table() if table is None else table
    data = model_data(table, spec, holdout_weeks=holdout_weeks)
    rng = np.random.default_rng(seed)
    lead, sizes = (chains, draws), data.sizes
    channels = (*lead, sizes["channel"])
    terms = (*lead, sizes["geo"], sizes["term"])
    fixed_effect = rng.normal(0, 0.1, terms)
    fixed_effect[..., 0] += data["kpi_centre"].to_numpy() * 0.9
    known = {
        "alpha": rng.beta(3, 3, channels),
        "half_saturation": rng.lognormal(0, 0.3, channels),
        "slope": rng.lognormal(0, 0.2, channels),
    }
    variables = {
        "coefficient": (("geo", "channel"), rng.lognormal(0, 0.2, (*lead, sizes["geo"], sizes["channel"]))),
        "roi": (("paid_channel",), np.ones((*lead, sizes["paid_channel"]))),
        "sigma": ((), rng.gamma(40, 0.01, lead)),
        "tau": ((), rng.gamma(40, 0.001, lead)),
        "level": (("week",), np.cumsum(rng.normal(0, 0.05, (*lead, sizes["week"])), axis=-1)),
        "fixed_effect": (("geo", "term"), fixed_effect),
        **_optional(spec, lead, sizes, rng),
    }
    for name in spec.shape_parameters:
        values = known[name] if name in known else _from_priors(name, spec, channels, rng)
        variables[name] = ("channel",), values
    for name, value in fixed.items():
        dims, old = variables[name]
        variables[name] = dims, np.broadcast_to(np.asarray(value, dtype=float), old.shape).copy()
    for name, channels_with in spec.shape_parameters.items():
        variables[name][1][..., [c not in channels_with for c in spec.channels]] = np.nan
    labels = {name: data[name].to_numpy() for name in ("geo", "channel", "paid_channel", "week", "term")}
    group = xr.Dataset(
        {name: (("chain", "draw", *dims), values) for name, (dims, values) in variables.items()},
        coords={"chain": np.arange(chains), "draw": np.arange(draws), **labels},
    )
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros(lead, dtype=bool)),
            "num_steps": (("chain", "draw"), np.full(lead, 7)),
            "energy": (("chain", "draw"), rng.normal(0, 1, lead)),
            "acceptance_rate": (("chain", "draw"), np.full(lead, 0.9)),
        },
        attrs={"compile_seconds": 1.0, "sampling_seconds": 2.0, "warmup": 200},
    )
    tree = xr.DataTree.from_dict({"/posterior": group, "/sample_stats": stats, "/constant_data": data})
    tree.attrs = {**origin(data, spec), "approximate": ""}
    check_posterior(tree)
    return tree


def _from_priors(name, spec, shape, rng):
    """Draws of a parameter of adstock or saturation, each channel from its own prior."""
    values = np.full(shape, np.nan)
    for position, channel in enumerate(spec.channel_specs):
        prior = {**channel.adstock.parameters, **channel.saturation.parameters}.get(name)
        if prior is not None:
            fixed = prior.family == "fixed"
            values[..., position] = (
                prior.median() if fixed else prior.frozen().rvs(shape[:-1], random_state=rng)
            )
    return values


def _optional(spec, lead, sizes, rng):
    """Variables that parts of a specification bring with them."""
    out = {}
    varying = [channel.time_varying is not None for channel in spec.channel_specs]
    if any(varying):
        drift = np.ones((*lead, sizes["week"], len(varying)))
        drift[..., varying] = np.exp(np.cumsum(rng.normal(0, 0.02, drift.shape), axis=-2))[..., varying]
        out["multiplier"] = ("week", "channel"), drift / drift.mean(-2, keepdims=True)
    if spec.baseline.slope == "random_walk":
        out["tau_slope"] = (), rng.gamma(40, 0.0001, lead)
        out["slope_path"] = ("week",), np.cumsum(rng.normal(0, 0.004, (*lead, sizes["week"])), axis=-1)
    if spec.student_t is not None:
        out["nu"] = (), rng.uniform(3, 6, lead)
    if spec.geo is not None and spec.geo.pooling == "partial" and sizes["geo"] > 1:
        out["geo_spread"] = ("channel",), rng.gamma(4, 0.05, (*lead, sizes["channel"]))
    if spec.media.pooling is not None:
        groups = [channel.group for channel in spec.channel_specs]
        shared = {group for group in groups if group and groups.count(group) > 1}
        if shared:
            out["correlation"] = ("group",), rng.beta(2, 2, (*lead, len(shared)))
    return out


def family_spec(**changes):
    """FAMILY with some of its keys changed."""
    return {**FAMILY, **changes}


def panel_spec(**changes):
    """SPEC as a panel of geos with population."""
    return {**SPEC, "geo": {"column": "geo", "population": "population"}, **changes}


def adstocked(media, alpha, l_max):
    """Geometric adstock by the definition: a double loop over weeks and lags; media (week,)."""
    weights = np.array([alpha**lag for lag in range(l_max + 1)])
    weights /= weights.sum()
    out = np.zeros(len(media))
    for week in range(len(media)):
        for lag in range(min(week, l_max) + 1):
            out[week] += weights[lag] * media[week - lag]
    return out


def hill(media, half_saturation, slope):
    """Hill saturation by the definition."""
    return media**slope / (half_saturation**slope + media**slope)
