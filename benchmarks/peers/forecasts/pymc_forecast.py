"""Forecast a national job's last weeks with PyMC-Marketing; runs in .venv-peers/pymc_marketing: ... FOLDER.

It is fitted on the weeks before, and draws the weeks to come from its own posterior predictive, media carried over.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pymc_marketing
from pymc_marketing.mmm import GeometricAdstock, LogisticSaturation
from pymc_marketing.mmm.multidimensional import MMM

from benchmarks.common.job import read_job, write_result

BEST = {"chains": 2, "draws": 500, "tune": 500, "target_accept": 0.9}
TREND = "linear trend"


def main(folder: Path) -> None:
    job, table = read_job(folder)
    if job.geo:
        sys.exit("PyMC-Marketing takes part in the national benchmarks only.")
    settings = {**BEST, **job.settings.get("pymc_marketing", {})}
    horizon, organic = job.settings["forecast"]["horizon"], job.settings["forecast"]["organic"]
    begun = time.perf_counter()
    seen = len(table) - horizon
    media = [*job.spend.values(), *organic.values()]
    X = table[[job.time, *dict.fromkeys(media), *job.controls]].copy()
    for control in job.controls:  # it leaves controls as they are
        X[control] = (X[control] - X[control].mean()) / X[control].std()
    X[TREND] = np.arange(len(X)) / (seen - 1) * 2 - 1
    model = MMM(
        date_column=job.time,
        channel_columns=list(dict.fromkeys(media)),
        target_column=job.kpi,
        control_columns=[*job.controls, TREND],
        adstock=GeometricAdstock(l_max=job.l_max + 1),  # counts the week itself
        saturation=LogisticSaturation(),
        yearly_seasonality=job.season_order or None,
    )
    model.fit(
        X.iloc[:seen],
        table[job.kpi].iloc[:seen],
        nuts_sampler="nutpie",
        chains=settings["chains"],
        draws=settings["draws"],
        tune=settings["tune"],
        target_accept=settings["target_accept"],
        random_seed=job.seed,
        progressbar=False,
    )
    drawn = model.sample_posterior_predictive(
        X.iloc[seen:],
        include_last_observations=True,
        extend_idata=False,
        random_seed=job.seed,
        progressbar=False,
    )
    # its predictive is in units of the target's scale
    kpi = drawn["y"].transpose("sample", "date").values * float(model.scalers._target)
    result = {
        "fit_s": time.perf_counter() - begun,
        "configuration": settings,
        "versions": {"pymc-marketing": pymc_marketing.__version__},
    }
    write_result(folder, {"kpi": kpi[:, None, -horizon:]}, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
