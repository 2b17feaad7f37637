"""Fit a national job with PyMC-Marketing and nutpie; runs in .venv-peers/pymc_marketing: pymc_fit.py FOLDER.

Settings: `saturation` (`logistic`, its default, or `hill`), `trend` (a linear one), `tune`, `target_accept`, and
`nutpie`: whatever `nuts_sampler_kwargs` takes.
"""

import time

STARTED = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import nutpie  # noqa: E402
import pandas as pd  # noqa: E402
import pymc  # noqa: E402
import pymc_marketing  # noqa: E402
from pymc_marketing.mmm import GeometricAdstock, HillSaturation, LogisticSaturation  # noqa: E402
from pymc_marketing.mmm.multidimensional import MMM  # noqa: E402

from benchmarks.common.job import Job, read_job, write_result  # noqa: E402

IMPORTED = time.perf_counter()

BEST = {"saturation": "logistic", "trend": True, "tune": 500, "target_accept": 0.9, "nutpie": {}}
SATURATION = {"logistic": LogisticSaturation, "hill": HillSaturation}
TREND = "linear trend"


def main(folder: Path) -> None:
    job, table = read_job(folder)
    if job.geo:
        sys.exit("PyMC-Marketing takes part in the national benchmarks only.")
    settings = {**BEST, **job.settings.get("pymc_marketing", {})}
    begun, cpu = time.perf_counter(), time.process_time()
    X = table[[job.time, *job.spend.values(), *job.controls]].copy()
    for control in job.controls:  # it leaves controls as they are
        X[control] = (X[control] - X[control].mean()) / X[control].std()
    if settings["trend"]:
        X[TREND] = np.linspace(-1, 1, len(X))
    controls = [*job.controls, *([TREND] if settings["trend"] else [])]
    model = MMM(
        date_column=job.time,
        channel_columns=list(job.spend.values()),
        target_column=job.kpi,
        control_columns=controls or None,
        adstock=GeometricAdstock(l_max=job.l_max + 1),  # counts the week itself
        saturation=SATURATION[settings["saturation"]](),
        yearly_seasonality=job.season_order or None,
    )
    if job.tests:
        model.build_model(X, table[job.kpi])
        model.add_lift_test_measurements(lift_tests(job))
    fitted = model.fit(
        X,
        table[job.kpi],
        nuts_sampler="nutpie",
        chains=job.chains,
        draws=job.draws,
        tune=settings["tune"],
        target_accept=settings["target_accept"],
        random_seed=job.seed,
        progressbar=False,
        nuts_sampler_kwargs=settings["nutpie"],
    )
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    result = {
        "fit_s": seconds,
        "cpu_s": cpu,
        "import_s": IMPORTED - STARTED,
        "divergences": int(fitted.sample_stats["diverging"].sum()),
        "configuration": settings,
        "versions": {
            "pymc-marketing": pymc_marketing.__version__,
            "pymc": pymc.__version__,
            "nutpie": nutpie.__version__,
        },
    }
    write_result(folder, named_draws(fitted.posterior, job, table, controls), result)


def lift_tests(job: Job) -> pd.DataFrame:
    """Lift tests as PyMC-Marketing takes them: a step on the saturation curve, from a week's spend without the test.

    It knows no dates and no carryover: outcome is what a test measured by the weeks in which spend differed.
    """
    return pd.DataFrame(
        {
            "channel": job.spend[test.channel],
            "x": test.without / test.weeks,
            "delta_x": (test.spend - test.without) / test.weeks,
            "delta_y": test.incremental / test.weeks,
            "sigma": test.error / test.weeks,
        }
        for test in job.tests
    )


def named_draws(posterior, job: Job, table: pd.DataFrame, controls: list[str]) -> dict[str, np.ndarray]:
    """The quantities that every system reports, ROI over the weeks after the history; KPI over its maximum."""
    scale = np.abs(table[job.kpi]).max()
    media = posterior["channel_contribution"].transpose("chain", "draw", "date", "channel").values
    spend = table[list(job.spend.values())].to_numpy()
    draws = {
        "roi": media[:, :, job.l_max :].sum(2) * scale / spend[job.l_max :].sum(0),
        "sigma": posterior["y_sigma"].values,
    }
    baseline = posterior["intercept_contribution"].values[:, :, None]
    if controls:
        asked = len(job.controls)
        draws["control"] = posterior["gamma_control"].values[..., :asked]
        effect = posterior["control_contribution"].transpose("chain", "draw", "date", "control").values
        baseline = baseline + effect[..., asked:].sum(-1)
    if job.season_order:
        baseline = (
            baseline + posterior["yearly_seasonality_contribution"].transpose("chain", "draw", "date").values
        )
    draws["baseline"] = np.broadcast_to(baseline, (*media.shape[:3],))[:, :, job.l_max :]
    media_parameters = [
        name for name in posterior.data_vars if str(name).startswith(("adstock_", "saturation_"))
    ]
    return draws | {str(name): posterior[name].values for name in media_parameters}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
