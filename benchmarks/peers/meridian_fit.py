"""Fit a job with Google Meridian on JAX; runs in .venv-peers/meridian: meridian_fit.py FOLDER.

Settings: `knots`, `fourier` (yearly waves as controls; Meridian has no seasonality of its own), `adapt`, `burnin`,
`chains` (an int or a list, as `n_chains` of `sample_posterior`), `max_tree_depth`.
"""

import os
import time

STARTED = time.perf_counter()
os.environ["MERIDIAN_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import jax  # noqa: E402
import meridian  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from meridian.data.data_frame_input_data_builder import DataFrameInputDataBuilder  # noqa: E402
from meridian.model.model import Meridian  # noqa: E402
from meridian.model.prior_distribution import PriorDistribution, lognormal_dist_from_mean_std  # noqa: E402
from meridian.model.spec import ModelSpec  # noqa: E402

from benchmarks.common.job import Job, fourier, read_job, write_result  # noqa: E402

IMPORTED = time.perf_counter()

NATIONAL = {"knots": 8, "fourier": True, "adapt": 500, "burnin": 100}
GEO = {"knots": 20, "fourier": False, "adapt": 500, "burnin": 250}

DEFAULT_ROI = (1.831, 2.046)
"""Mean and standard deviation of Meridian's default prior of a ROI, LogNormal(0.2, 0.9)."""


def input_data(
    job: Job, table: pd.DataFrame, waves: pd.DataFrame | None, organic: dict[str, str] | None = None
):
    """Meridian's view of the table: the first weeks give it media history and nothing else, as they do for everyone.

    Args:
        organic: channel to the column of its impressions.
    """
    table = table.copy()
    controls = list(job.controls)
    if waves is not None:
        table[waves.columns] = waves
        controls += list(waves.columns)
    history = table[job.time].rank(method="dense") <= job.l_max
    table[job.time] = table[job.time].dt.strftime("%Y-%m-%d")
    modelled = table[~history]
    spend = table[list(job.spend.values())].mask(history, axis=0)
    media = [job.exposure.get(name, column) for name, column in job.spend.items()]
    paid = table[[job.time, *([job.geo] if job.geo else [])]].copy()
    for name, column in zip(job.channels, media, strict=True):
        paid[f"{name} media"] = table[column]
        paid[f"{name} spend"] = spend[job.spend[name]]
    where = {"time_col": job.time, "geo_col": job.geo}
    builder = DataFrameInputDataBuilder(kpi_type="non_revenue" if job.revenue_per_kpi else "revenue")
    builder = builder.with_kpi(modelled, kpi_col=job.kpi, **where)
    if job.revenue_per_kpi:
        builder = builder.with_revenue_per_kpi(modelled, revenue_per_kpi_col=job.revenue_per_kpi, **where)
    if job.population:
        builder = builder.with_population(table, population_col=job.population, geo_col=job.geo)
    if controls:
        builder = builder.with_controls(modelled, control_cols=controls, **where)
    if organic:
        named = {"organic_media_cols": list(organic.values()), "organic_media_channels": list(organic)}
        builder = builder.with_organic_media(table, **named, media_time_col=job.time, geo_col=job.geo)
    return builder.with_media(
        paid,
        media_cols=[f"{name} media" for name in job.channels],
        media_spend_cols=[f"{name} spend" for name in job.channels],
        media_channels=job.channels,
        **where,
    ).build()


def named_draws(posterior, job: Job, waves: np.ndarray | None) -> dict[str, np.ndarray]:
    """The quantities that every system reports; baseline in Meridian's scaled units."""
    names = [str(name) for name in posterior["control_variable"].values] if "gamma_c" in posterior else []
    asked = [names.index(name) for name in job.controls]
    knots, geos = (
        posterior["mu_t"].values,
        posterior["tau_g"].values,
    )  # (chain, draw, week), (chain, draw, geo)
    weekly = knots + geos.mean(-1, keepdims=True)
    if waves is not None:
        standard = (waves - waves.mean(0)) / waves.std(0)
        others = [i for i in range(len(names)) if i not in asked]
        weekly = weekly + posterior["gamma_gc"].values[..., others].mean(2) @ standard.T
    draws = {
        "roi": posterior["roi_m"].values,
        "alpha": posterior["alpha_m"].values,
        "half_saturation": posterior["ec_m"].values,
        "slope": posterior["slope_m"].values,
        "coefficient": posterior["beta_gm"].values,
        "sigma": posterior["sigma"].values,
        "baseline": weekly,
    }
    if names:
        draws["control"] = posterior["gamma_gc"].values[..., asked]
    if job.geo:
        draws["geo_spread"] = posterior["eta_m"].values
        draws["baseline_geo"] = geos + knots.mean(-1, keepdims=True)
        if names:
            draws["control_mean"] = posterior["gamma_c"].values
            draws["control_spread"] = posterior["xi_c"].values
    return draws


def roi_prior(job: Job) -> dict[str, PriorDistribution]:
    """Lift tests as Meridian takes them: what those of a channel say together is the prior of its ROI.

    Tests are averaged with the precision of each as its weight; a lognormal has their mean and error. A channel
    without tests keeps the default.
    """
    if not job.tests:
        return {}
    mean, error = [], []
    for name in job.channels:
        tests = [test for test in job.tests if test.channel == name]
        weights = np.array([test.roi_error**-2 for test in tests])
        mean.append(weights @ [test.roi for test in tests] / weights.sum() if tests else DEFAULT_ROI[0])
        error.append(weights.sum() ** -0.5 if tests else DEFAULT_ROI[1])
    told = lognormal_dist_from_mean_std(np.float32(mean), np.float32(error))
    return {"prior": PriorDistribution(roi_m=told)}


def main(folder: Path) -> None:
    job, table = read_job(folder)
    settings = {**(GEO if job.geo else NATIONAL), **job.settings.get("meridian", {})}
    begun, cpu = time.perf_counter(), time.process_time()
    waves = fourier(table[job.time], job.season_order) if settings["fourier"] and job.season_order else None
    model = Meridian(
        input_data=input_data(job, table, waves),
        model_spec=ModelSpec(knots=settings["knots"], max_lag=job.l_max, **roi_prior(job)),
    )
    model.sample_posterior(
        n_chains=settings.get("chains", job.chains),
        n_adapt=settings["adapt"],
        n_burnin=settings["burnin"],
        n_keep=job.draws,
        seed=job.seed,
        max_tree_depth=settings.get("max_tree_depth", 10),
    )
    posterior = model.inference_data.posterior
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    history = table[job.time].rank(method="dense") <= job.l_max
    one_geo = slice(None) if not job.geo else (table[job.geo] == table[job.geo].iloc[0]).to_numpy()
    modelled = None if waves is None else waves[one_geo][~history[one_geo]].to_numpy()
    result = {
        "fit_s": seconds,
        "cpu_s": cpu,
        "import_s": IMPORTED - STARTED,
        "divergences": int(model.inference_data.sample_stats["diverging"].sum()),
        "configuration": settings,
        "versions": {"google-meridian": meridian.__version__, "jax": jax.__version__},
    }
    write_result(folder, named_draws(posterior, job, modelled), result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
