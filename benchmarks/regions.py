"""Should each region have a level of its own beside the common one? Forecasts of panels in closed form.

The panel model gives every geo an intercept, waves and coefficients of its own, and all of them one level that walks.
Tried beside it: a level, a slope, or both of each geo's own, and levels of their own alone. With media as proxies (of
rough shapes, `mmm_core.data.shrinkage`), the KPI of a geo given the common level l is normal,

    y_g = Z_g c_g + o_g + l + e_g,   c_g ~ N(0, (sigma S)^2),   o_g a walk of steps omega,   l a walk of steps tau,

where weeks have a shock that all geos share, l + N(0, kappa^2) each, and where they share a season, waves with
coefficients of their own beside l. So the density of the weeks seen and the forecast of the next ones are exact given
sigma, tau, omega, kappa and the scales S, which are taken where they are most likely. Baselines alone are compared: no
draw is taken.

make bench B=regions [ARGS="--tables geolift --origins 2"]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.systems import ROOT
from benchmarks.worlds.published import find
from benchmarks.worlds.real import real_tables
from mmm_core.data.arrays import model_data, scaled_kpi, shrunk_groups
from mmm_core.data.calendar import fourier_terms
from mmm_core.data.shrinkage import Scales, media_proxies, scales_of
from mmm_core.forecast.scores import crps_of_normal
from mmm_core.model.factors import half_log_determinant, inverse_root
from mmm_core.spec.model_spec import load_spec

HORIZON = 13
STEP = 0.1
"""Scale of the half-normal priors of tau and omega, the default of `baseline.level_sd`, in scaled units."""


@dataclass(frozen=True)
class Variant:
    """What a baseline has: level, weekly shocks and season of all geos together, level and slope of each one's own."""

    common: bool = True
    shock: bool = False
    season: bool = False
    own: bool = False
    slope: bool = False


VARIANTS = {
    "common level (the model)": Variant(),
    "a slope of its own beside it": Variant(slope=True),
    "a level of its own beside it": Variant(own=True),
    "both beside it": Variant(own=True, slope=True),
    "levels of their own alone": Variant(common=False, own=True),
    "a common shock a week beside it": Variant(shock=True),
    "a common season beside it": Variant(season=True),
    "the season and a level of its own": Variant(season=True, own=True),
    "the season, levels of their own alone": Variant(common=False, season=True, own=True),
    "shock, season and level of its own": Variant(shock=True, season=True, own=True),
}


@dataclass(frozen=True)
class Table:
    """A panel without gaps.

    Attributes:
        kpi: (geo, week), scaled and centred by geo. unit: KPI units of one of it, (geo,).
        design: (geo, week, term), the media's proxies last. scales: of the terms.
        waves: of the season, (week, wave), and the harmonic of each, (wave,).
        season: weeks of a season, for the seasonal-naive forecast; 0 where the weeks hold fewer than two.
    """

    name: str
    kpi: np.ndarray
    unit: np.ndarray
    design: np.ndarray
    scales: Scales
    waves: np.ndarray
    harmonic: np.ndarray
    season: int


def with_slope(table: Table) -> Table:
    """A straight line for every geo, of a scale that is learned."""
    weeks = table.kpi.shape[1]
    line = np.broadcast_to(np.linspace(-1.7, 1.7, weeks)[None, :, None], (*table.kpi.shape, 1))
    old = table.scales
    loadings = np.zeros((len(old.offset) + 1, len(old.mean) + 1))
    loadings[1:, 1:], loadings[0, 0] = old.loadings, 1.0
    scales = Scales(np.append(0.0, old.offset), loadings, np.append(0.0, old.mean), np.append(1.5, old.sd))
    return replace(table, design=np.concatenate([line, table.design], -1), scales=scales)


def walk_covariance(weeks: int) -> np.ndarray:
    """Of a walk with unit steps that is 0 in the first week."""
    steps = np.arange(weeks)
    return np.minimum.outer(steps, steps).astype(float)


def most_likely(table: Table, variant: Variant, seen: int) -> np.ndarray:
    """The mode of log sigma, log tau/sigma, log omega/sigma, log kappa/sigma, log scale of the common season, and phi.

    Everything is turned into the eigenvectors of a walk's covariance, in which walks and shocks are independent.
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    scales = table.scales
    eigenvalues, basis = np.linalg.eigh(walk_covariance(seen))
    design = jnp.asarray(np.einsum("ts,gtk->gsk", basis, table.design[:, :seen], optimize=True))
    kpi = jnp.asarray(table.kpi[:, :seen] @ basis)
    waves = jnp.asarray(basis.T @ (table.waves[:seen] / table.harmonic))
    geos, terms = kpi.shape[0], design.shape[-1]

    def negative(point: Any) -> Any:
        log_sigma, ratios, log_season, phi = point[0], point[1:4], point[4], point[5:]
        tau, omega, kappa = jnp.exp(2 * ratios) * np.array([variant.common, variant.own, variant.shock])
        own, common = 1 + omega * eigenvalues, tau * eigenvalues + kappa
        columns = design * jnp.exp(scales.offset + scales.loadings @ phi)
        over = columns / own[None, :, None]
        inverse = inverse_root(jnp.eye(terms) + columns.transpose(0, 2, 1) @ over)
        white = inverse @ over.transpose(
            0, 2, 1
        )  # (geo, term, week): own^-1 - white'white is a geo's precision
        left = kpi / own - jnp.einsum("gks,gk->gs", white, jnp.einsum("gks,gs->gk", white, kpi))
        flat = white.reshape(geos * terms, seen)
        root = jnp.diag(jnp.sqrt(common + 1e-12))
        if variant.season:
            root = jnp.concatenate([root, jnp.exp(log_season) * waves], axis=1)
        known = root.T @ (geos * jnp.diag(1 / own) - flat.T @ flat) @ root
        together = inverse_root(jnp.eye(len(known)) + known)
        quadratic = (kpi * left).sum() - ((together @ root.T @ left.sum(0)) ** 2).sum()
        determinant = geos * jnp.log(own).sum() + 2 * (
            half_log_determinant(inverse) + half_log_determinant(together)
        )
        density = -geos * seen * log_sigma - 0.5 * (determinant + quadratic / jnp.exp(2 * log_sigma))
        density += log_sigma - jnp.exp(2 * log_sigma) / 2  # sigma half-normal(1)
        steps = ratios + log_sigma  # of what is not in the model the prior's mode
        density += (steps - jnp.exp(2 * steps) / (2 * np.array([STEP, STEP, 1.0]) ** 2)).sum()
        return -density + 0.5 * ((((phi - scales.mean) / scales.sd) ** 2).sum() + (log_season / 1.5) ** 2)

    start = np.concatenate([np.log([0.5, 0.1, 0.1, 0.1, 1.0]), scales.mean])
    value = jax.jit(jax.value_and_grad(negative))
    found = minimize(
        lambda point: tuple(np.asarray(part, dtype=float) for part in value(point)),
        start, jac=True, method="L-BFGS-B",
        bounds=[(-7.0, 3.0)] * 4 + [(-7.0, 6.0)] + [(-9.0, 6.0)] * len(scales.mean), options={"maxiter": 60},
    )  # fmt: skip
    return np.asarray(found.x)


def forecast(table: Table, variant: Variant, point: np.ndarray, seen: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the weeks after those seen, (geo, HORIZON), scaled."""
    weeks = seen + HORIZON
    sigma = np.exp(point[0])
    tau, omega, kappa = np.exp(point[1:4]) * np.array([variant.common, variant.own, variant.shock])
    columns = table.design[:, :weeks] * table.scales.of(point[5:])
    walk = walk_covariance(weeks)
    own = np.eye(weeks) + omega**2 * walk
    first, after = slice(0, seen), slice(seen, weeks)
    gains, conditional, information = [], [], np.zeros(seen)
    precision = np.zeros((seen, seen))
    for values, rows in zip(table.kpi[:, :seen], columns, strict=True):
        covariance = own + rows @ rows.T
        factor = cho_factor(covariance[first, first])
        gain = cho_solve(factor, covariance[first, after]).T
        inverse = cho_solve(factor, np.eye(seen))
        precision += inverse
        information += inverse @ values
        gains.append(gain)
        conditional.append(np.diag(covariance[after, after] - gain @ covariance[first, after]))
    # l and its shocks given the weeks seen, from their prior and the geos' precision
    waves = variant.season * np.exp(point[4]) * table.waves[:weeks] / table.harmonic
    prior = tau**2 * walk + kappa**2 * np.eye(weeks) + waves @ waves.T
    inner = np.linalg.solve(np.eye(seen) + precision @ prior[first, first], np.eye(seen))
    level = prior[:, first] @ inner @ information
    spread = prior - prior[:, first] @ inner @ precision @ prior[first, :]
    mean, variance = [], []
    for values, gain, left in zip(table.kpi[:, :seen], gains, conditional, strict=True):
        through = np.concatenate([-gain, np.eye(HORIZON)], axis=1)
        mean.append(gain @ values + through @ level)
        variance.append(left + np.einsum("hw,wv,hv->h", through, spread, through, optimize=True))
    return np.array(mean), sigma * np.sqrt(np.array(variance))


def simple(table: Table, seen: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Last value and seasonal-naive, with the spread of their own errors in the weeks seen, by geo."""
    kpi, ahead = table.kpi[:, :seen], np.arange(1, HORIZON + 1)
    steps = np.diff(kpi, axis=1).std(axis=1)[:, None]
    found = {"last value": (np.repeat(kpi[:, -1:], HORIZON, axis=1), steps * np.sqrt(ahead))}
    if table.season:
        errors = (kpi[:, table.season :] - kpi[:, : -table.season]).std(axis=1)[:, None]
        places = seen - table.season + (ahead - 1) % table.season
        found["seasonal-naive"] = (kpi[:, places], np.repeat(errors, HORIZON, axis=1))
    return found


def scores(table: Table, origins: int) -> dict[str, list[float]]:
    """CRPS of every variant and simple forecast in KPI units, an origin each."""
    found: dict[str, list[float]] = {}

    def add(name: str, mean: np.ndarray, sd: np.ndarray, seen: int) -> None:
        actual = table.kpi[:, seen : seen + HORIZON]
        crps = crps_of_normal(mean, np.maximum(sd, 1e-9), actual) * table.unit[:, None]
        found.setdefault(name, []).append(float(crps.mean()))

    for back in reversed(range(origins)):
        seen = table.kpi.shape[1] - HORIZON * (back + 1)
        for name, variant in VARIANTS.items():
            given = with_slope(table) if variant.slope else table
            point = most_likely(given, variant, seen)
            add(name, *forecast(given, variant, point, seen), seen)
            print(f"{table.name}, {seen} seen, {name}: {found[name][-1]:.5g}", flush=True)
        for name, (mean, sd) in simple(table, seen).items():
            add(name, mean, sd, seen)
    return found


def of_model(name: str, rows: pd.DataFrame, spec: Any) -> Table:
    """A panel as the model of it sees it, its KPI's own units before any revenue per unit."""
    data = model_data(rows, spec, name)
    groups = shrunk_groups(pd.DatetimeIndex(data["week"].to_numpy()), spec)
    proxies = media_proxies(data, spec)
    terms = [str(term) for term in data["term"].to_numpy()]
    stated = np.array([100.0 if term == "intercept" else 10.0 for term in terms])
    scales = scales_of(terms, stated, spec, groups, proxies.shape[-1])
    if scales is None:
        raise ValueError(f"{name}: nothing is learned of it")
    unit = float(data["kpi_scale"]) * data["population"].to_numpy()
    design = np.concatenate([data["design"].to_numpy(), proxies], axis=-1)
    names = fourier_terms(spec.baseline.seasonality.order)
    waves = data["design"].sel(term=names).isel(geo=0).to_numpy()
    return Table(name, scaled_kpi(data, spec), unit, design, scales, waves, harmonics(names), 52)


def harmonics(names: list[str]) -> np.ndarray:
    """Of waves by their names, `sin_1` and so on."""
    return np.array([int(name.split("_")[1]) for name in names])


def meridian() -> Table | None:
    """Meridian's sample panel, 40 geos."""
    panel = next((table for table in real_tables() if table.name == "meridian_geo"), None)
    return panel and of_model("meridian_geo", panel.table, panel.spec())


def sample_world() -> Table:
    """The simulated UK of `mmm simulate`, 20 geos, whose truth is one level for all."""
    from mmm_core.simulate import simulate_world

    spec = load_spec(ROOT / "models" / "uk_geo_revenue.yaml")
    return of_model(
        "sample_world_uk", simulate_world(7, pd.Timestamp("2026-11-16").date()).market("uk").table, spec
    )


def geolift() -> Table | None:
    """GeoLift's daily panel before its test, 40 cities x 90 days: days for weeks, the week for a season, no media."""
    path = find("geolift", "GeoLift_PreTest.csv")
    if path is None:
        return None
    kpi = pd.read_csv(path).pivot(index="location", columns="date", values="Y").to_numpy(float)
    centre, spread = np.median(kpi, axis=1, keepdims=True), kpi.std(axis=1, keepdims=True)
    days = 2 * np.pi * np.arange(kpi.shape[1])[:, None] * np.arange(1, 4) / 7
    waves = np.concatenate([np.ones((kpi.shape[1], 1)), np.sin(days), np.cos(days)], axis=1)
    names = fourier_terms(3)
    season = np.append(False, np.ones(len(names), dtype=bool))
    scales = Scales(
        np.where(season, 0.0, np.log(100.0)), season[:, None].astype(float), np.zeros(1), np.full(1, 1.5)
    )
    design = np.broadcast_to(waves, (*kpi.shape, waves.shape[1]))
    scaled, unit = (kpi - centre) / spread, spread[:, 0]
    return Table("geolift", scaled, unit, design, scales, waves[:, 1:], np.tile([1, 2, 3], 2), 7)


TABLES: dict[str, Callable[[], Table | None]] = {
    "meridian_geo": meridian,
    "sample_world_uk": sample_world,
    "geolift": geolift,
}


def main(argv: list[str] | None = None) -> None:
    """Print the CRPS of every variant on every panel, and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--origins", type=int, default=4)
    options = parser.parse_args(argv)
    before = machine()
    found = {}
    for name in options.tables:
        table = TABLES[name]()
        if table is None:
            print(f"{name}: not on this machine")
            continue
        by_origin = scores(table, options.origins)
        found[name] = {variant: float(np.mean(values)) for variant, values in by_origin.items()}
        model = found[name]["common level (the model)"]
        for variant, crps in found[name].items():
            print(f"{name:16s} {variant:30s} {crps:12.5g}  {crps / model:.3f}")
    finish("regions", before, origins=options.origins, crps=rounded(found))


if __name__ == "__main__":
    main()
