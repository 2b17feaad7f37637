"""What every system is asked: a table and a neutral description of it, passed between processes as two files.

The peers run in environments of their own, so this module needs the standard library, NumPy and pandas alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.json_text import dumps

TABLE, JOB, DRAWS, RESULT = "table.csv", "job.json", "draws.npz", "result.json"


@dataclass(frozen=True)
class Test:
    """A lift test of one channel, in whole weeks.

    Attributes:
        start: Monday of its first week, as YYYY-MM-DD.
        weeks: how many weeks spend differed.
        spend, without: over those weeks, as it was and without the test.
        incremental, error: outcome with what was spent less outcome without the test, and its standard error.
    """

    channel: str
    start: str
    weeks: int
    spend: float
    without: float
    incremental: float
    error: float

    @property
    def roi(self) -> float:
        """Outcome by the difference in spend."""
        return self.incremental / (self.spend - self.without)

    @property
    def roi_error(self) -> float:
        """Standard error of `roi`."""
        return self.error / abs(self.spend - self.without)


@dataclass(frozen=True)
class Job:
    """One fit, in words that belong to no system.

    Attributes:
        kpi, time, geo, population: columns; `geo` None is a national table.
        revenue_per_kpi: column with what a unit of KPI is worth; None where the KPI is money.
        spend: channel to the column with its spend; exposure: to the column of impressions, where known.
        controls: columns that enter linearly.
        l_max: lags of the adstock. The first `l_max` weeks are media history: no system's ROI counts them.
        season_order: pairs of yearly sine and cosine.
        warmup: None leaves it to the system's best configuration.
        tests: lift tests, each of one channel.
        settings: what one system is told beyond this, by its name.
    """

    kpi: str
    spend: dict[str, str]
    time: str = "week_start"
    geo: str | None = None
    population: str | None = None
    revenue_per_kpi: str | None = None
    exposure: dict[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    l_max: int = 8
    season_order: int = 2
    chains: int = 4
    warmup: int | None = None
    draws: int = 1000
    seed: int = 7
    tests: tuple[Test, ...] = ()
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def channels(self) -> list[str]:
        """Names of the channels, in order."""
        return list(self.spend)

    def with_(self, **changes: Any) -> Job:
        """A copy with some fields changed."""
        return replace(self, **changes)


def write_job(folder: Path, job: Job, table: pd.DataFrame) -> None:
    """Leave a job for another process."""
    table.to_csv(folder / TABLE, index=False)
    (folder / JOB).write_text(dumps(asdict(job)))


def read_job(folder: Path) -> tuple[Job, pd.DataFrame]:
    """The job and its table, numbers exactly as they were written."""
    fields = json.loads((folder / JOB).read_text())
    tests = tuple(Test(**test) for test in fields["tests"])
    job = Job(**{**fields, "controls": tuple(fields["controls"]), "tests": tests})
    table = pd.read_csv(folder / TABLE, parse_dates=[job.time], float_precision="round_trip")
    return job, table.sort_values([*([job.geo] if job.geo else []), job.time]).reset_index(drop=True)


def fourier(dates: pd.Series, order: int) -> pd.DataFrame:
    """Yearly sines and cosines, for a system that has none of its own."""
    angle = 2 * np.pi * dates.dt.dayofyear.to_numpy() / 365.25
    waves = {
        f"{wave.__name__}_{k}": wave(k * angle) for k in range(1, order + 1) for wave in (np.sin, np.cos)
    }
    return pd.DataFrame(waves, index=dates.index)


def write_result(folder: Path, draws: dict[str, np.ndarray], result: dict[str, Any]) -> None:
    """Leave draws, each (chain, draw, ...), and figures for the process that asked."""
    np.savez(folder / DRAWS, **{name: np.asarray(value, dtype=np.float64) for name, value in draws.items()})
    text = json.dumps(result)  # noqa: TID251 (read back here alone, nan included)
    (folder / RESULT).write_text(text)


def read_result(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `write_result` left."""
    with np.load(folder / DRAWS) as stored:
        draws = {name: stored[name] for name in stored.files}
    return draws, json.loads((folder / RESULT).read_text())
