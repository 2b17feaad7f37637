"""Forecasts of weeks a system has not seen: what each is given, and how each is scored."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.common.job import Job, read_result, write_job
from benchmarks.common.systems import ROOT, peer_python
from mmm_core.data.calendar import INTERCEPT, TREND, dated_values, fourier_terms
from mmm_core.forecast.scores import crps_of_draws
from mmm_core.spec.model_spec import ModelSpec

SCRIPTS = {"meridian": "meridian_forecast.py", "pymc_marketing": "pymc_forecast.py"}


@dataclass(frozen=True)
class Scored:
    """A forecast against what came, KPI units; means over geos and weeks whose KPI is known.

    Attributes:
        crps, error: continuous ranked probability score, and absolute error of the median.
        covered: share of the weeks within the 90 % interval.
        weeks: how many geos and weeks.
    """

    crps: float
    error: float
    covered: float
    weeks: int


def score(draws: np.ndarray, actual: np.ndarray) -> Scored:
    """Score draws (draw, geo, ahead) against the KPI (geo, ahead)."""
    known = np.isfinite(actual)
    drawn, came = draws[:, known], actual[known]
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=0)
    return Scored(
        crps=float(crps_of_draws(drawn, came).mean()),
        error=float(np.abs(middle - came).mean()),
        covered=float(((low <= came) & (came <= high)).mean()),
        weeks=len(came),
    )


def peer_job(
    spec: ModelSpec, table: pd.DataFrame, data: xr.Dataset, held: int, horizon: int
) -> tuple[Job, pd.DataFrame]:
    """What a peer is asked: our specification in neutral words, and the table to the end of the forecast.

    Controls, treatments, events, steps and holidays are control columns, the same that ours has. Of columns that the
    weeks seen cannot tell apart one is kept: Meridian refuses them. The KPI of the weeks to forecast is overwritten by
    each geo's mean, so that no scaling sees it.

    Args:
        data: the arrays of the model. held: last weeks that the fit may not see; the first `horizon` are forecast.
    """
    time, geo = spec.time.column, spec.geo.column if spec.geo else None
    weeks = pd.DatetimeIndex(data["media_week"].to_numpy())
    first = len(weeks) - held
    given = table[table[time].isin(weeks[: first + horizon])].copy()
    hidden = given[time] >= weeks[first]
    seen_mean = given.loc[~hidden].groupby(geo)[spec.kpi.column].mean() if geo else None
    given[spec.kpi.column] = given[spec.kpi.column].astype(float)
    given.loc[hidden, spec.kpi.column] = (
        given.loc[~hidden, spec.kpi.column].mean()
        if seen_mean is None
        else given.loc[hidden, geo].map(seen_mean)
    )
    waves = {*fourier_terms(spec.baseline.seasonality.order), TREND, INTERCEPT}
    terms = [str(term) for term in data["term"].to_numpy() if str(term) not in waves]
    dated = dated_values(terms, weeks, 0, spec)
    for term, values in dated.items():
        given[term] = given[time].map(pd.Series(values, weeks))
    treatments = [treatment.column for treatment in spec.treatments.values()]
    seen = given[~hidden]
    controls = _told_apart(seen, [*spec.controls, *treatments, *dated])
    organic = {
        name: channel.media_column
        for name, channel in zip(spec.organic, spec.media.organic.values(), strict=True)
    }
    job = Job(
        kpi=spec.kpi.column,
        time=time,
        geo=geo,
        population=spec.geo.population if spec.geo else None,
        revenue_per_kpi=spec.kpi.revenue_per_unit,
        spend={name: channel.spend for name, channel in spec.media.channels.items()},
        exposure={
            name: channel.exposure for name, channel in spec.media.channels.items() if channel.exposure
        },
        controls=tuple(controls),
        l_max=spec.l_max,
        season_order=spec.baseline.seasonality.order,
        settings={"forecast": {"horizon": horizon, "organic": organic}},
    )
    used = [time, *([geo] if geo else []), job.population, job.kpi, job.revenue_per_kpi]
    columns = [*filter(None, used), *job.spend.values(), *job.exposure.values(), *organic.values(), *controls]
    return job, given[list(dict.fromkeys(columns))]


def _told_apart(seen: pd.DataFrame, names: list[str]) -> list[str]:
    """The columns that are no constant and no sum of those before."""
    kept: list[str] = []
    for name in names:
        columns = seen[[*kept, name]].to_numpy(dtype=float)
        spread = columns.std(axis=0)
        if (spread > 0).all() and np.linalg.matrix_rank(
            (columns - columns.mean(axis=0)) / spread, tol=1e-6
        ) > len(kept):
            kept.append(name)
    return kept


def peer_forecast(system: str, job: Job, table: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws (draw, geo, ahead) of the KPI of a job's last weeks, and figures of the fit, by a fresh process.

    Raises:
        SystemExit: the system is not installed, or its process failed; the message holds the end of its log.
    """
    python = peer_python(system)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_job(folder, job, table)
        script = ROOT / "benchmarks" / "peers" / "forecasts" / SCRIPTS[system]
        ran = subprocess.run(
            [str(python), str(script), str(folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise SystemExit(f"{system} failed:\n{ran.stderr[-4000:]}")
        draws, result = read_result(folder)
    return draws["kpi"], result
