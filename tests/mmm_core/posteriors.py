"""Posteriors made by hand: known parameters on a small table, as an oracle that no sampler stands between."""

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data import model_data
from mmm_core.posterior import ENGINE_VERSION, check_posterior
from mmm_core.spec import parse_spec

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


def weekly_table(weeks=64, geos=("all",), seed=0):
    """A weekly table for SPEC; several geos make a panel of unequal populations."""
    rng = np.random.default_rng(seed)
    parts = []
    for position, geo in enumerate(geos):
        size = 1.0 + position
        week = np.arange(weeks)
        tv = size * 100 * rng.gamma(2, 1, weeks) * (rng.random(weeks) < 0.7)
        search = size * 60 * rng.gamma(5, 0.2, weeks)
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
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def posterior(spec=None, table=None, draws=20, chains=2, seed=1, holdout_weeks=0, **fixed):
    """A posterior of the engine's layout whose draws scatter around plausible parameters.

    `fixed` sets a variable's value for every draw, such as slope=3.0 or coefficient=[[1, 2, 0]].
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
    variables = {
        "alpha": (("channel",), rng.beta(3, 3, channels)),
        "half_saturation": (("channel",), rng.lognormal(0, 0.3, channels)),
        "slope": (("channel",), rng.lognormal(0, 0.2, channels)),
        "coefficient": (("geo", "channel"), rng.lognormal(0, 0.2, (*lead, sizes["geo"], sizes["channel"]))),
        "roi": (("paid_channel",), np.ones((*lead, sizes["paid_channel"]))),
        "sigma": ((), rng.gamma(40, 0.01, lead)),
        "tau": ((), rng.gamma(40, 0.001, lead)),
        "level": (("week",), np.cumsum(rng.normal(0, 0.05, (*lead, sizes["week"])), axis=-1)),
        "fixed_effect": (("geo", "term"), fixed_effect),
    }
    variables = {  # those of the specification's shapes only
        name: entry
        for name, entry in variables.items()
        if name not in ("alpha", "half_saturation", "slope") or name in spec.shape_parameters
    }
    for name, channels_with in spec.shape_parameters.items():
        values = variables[name][1]
        values[..., [c not in channels_with for c in spec.channels]] = np.nan
    for name, value in fixed.items():
        dims, old = variables[name]
        variables[name] = dims, np.broadcast_to(np.asarray(value, dtype=float), old.shape).copy()
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
    tree.attrs = {
        "model": spec.model,
        "spec": spec.to_yaml(),
        "spec_hash": spec.spec_hash,
        "seed": spec.fit.seed,
        "engine": spec.fit.engine,
        "approximate": "",
        "engine_version": ENGINE_VERSION,
        "versions": "{}",
    }
    check_posterior(tree)
    return tree


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
