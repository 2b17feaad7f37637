"""Forecast a job's last weeks with Google Meridian; runs in .venv-peers/meridian: meridian_forecast.py FOLDER.

The weeks are Meridian's own holdout: their media are known, their KPI is not. Its draws of the expected KPI get its
noise, which is normal and the same in every geo, per head.
"""

import os
import sys
import time
from pathlib import Path

os.environ["MERIDIAN_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import meridian
import numpy as np
from meridian.analysis.analyzer import Analyzer
from meridian.model.model import Meridian
from meridian.model.spec import ModelSpec
from meridian_fit import input_data

from benchmarks.common.job import fourier, read_job, write_result

NATIONAL = {"knots": 8, "chains": 2, "adapt": 400, "burnin": 100, "keep": 250}
GEO = {"knots": 20, "chains": 2, "adapt": 400, "burnin": 100, "keep": 250}


def main(folder: Path) -> None:
    job, table = read_job(folder)
    settings = {**(GEO if job.geo else NATIONAL), **job.settings.get("meridian", {})}
    horizon, organic = job.settings["forecast"]["horizon"], job.settings["forecast"]["organic"]
    begun = time.perf_counter()
    waves = fourier(table[job.time], job.season_order) if job.season_order else None
    weeks = table[job.time].nunique() - job.l_max
    held = np.arange(weeks) >= weeks - horizon
    if job.geo:
        held = np.tile(held, (table[job.geo].nunique(), 1))
    model = Meridian(
        input_data=input_data(job, table, waves, organic),
        model_spec=ModelSpec(knots=settings["knots"], max_lag=job.l_max, holdout_id=held),
    )
    model.sample_posterior(
        n_chains=settings["chains"],
        n_adapt=settings["adapt"],
        n_burnin=settings["burnin"],
        n_keep=settings["keep"],
        seed=job.seed,
    )
    expected = np.asarray(
        Analyzer(model).expected_outcome(aggregate_geos=False, aggregate_times=False, use_kpi=True)
    )  # (chain, draw, geo, week)
    expected = expected.reshape(-1, *expected.shape[2:])[..., -horizon:]
    sigma = model.inference_data.posterior["sigma"].values.reshape(len(expected), -1)
    unit = np.asarray(model.kpi_transformer.inverse(np.ones((expected.shape[1], 1), np.float32)))
    unit = unit - np.asarray(model.kpi_transformer.inverse(np.zeros((expected.shape[1], 1), np.float32)))
    noise = np.random.default_rng(job.seed).standard_normal(expected.shape)
    result = {
        "fit_s": time.perf_counter() - begun,
        "configuration": settings,
        "versions": {"google-meridian": meridian.__version__},
    }
    write_result(folder, {"kpi": expected + sigma[:, :1, None] * unit * noise}, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
