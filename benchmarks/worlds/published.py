"""Simulated tables that others published with their truth, and Meridian's panel.

They lie in a data folder beside the repository, `shared/data`, or where MMM_BENCH_DATA says. Without it a benchmark
says so and goes on with what it can make itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import World

DATA = Path(os.environ.get("MMM_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
L_MAX = 8


def find(*parts: str) -> Path | None:
    """A file of the data folder; None, said aloud, where it is absent."""
    path = DATA.joinpath(*parts)
    if path.is_file():
        return path
    print(f"{'/'.join(parts)} is not in the data folder (set MMM_BENCH_DATA): left out")
    return None


def worlds() -> list[World]:
    """Every published world that is at hand."""
    found = [
        pymc_marketing_example(),
        *(lightweight(name) for name in ("simple_demo", "simple_demo_jax05rng")),
    ]
    return [world for world in found if world is not None]


def pymc_marketing_example() -> World | None:
    """PyMC-Marketing's example: 179 weeks, two channels, true weekly contributions.

    Its media have no price. A tenth of revenue is taken to have been spent on each channel, which says nothing of the
    truth (shares of 29 % and 7 %) and makes the ROI 2.9 and 0.7.
    """
    path, truth_path = (
        find("pymc_marketing", "mmm_example.csv"),
        find("pymc_marketing", "mmm_example_TRUTH_reconstructed.csv"),
    )
    if path is None or truth_path is None:
        return None
    raw, truth = pd.read_csv(path, parse_dates=["date_week"]), pd.read_csv(truth_path)
    table = pd.DataFrame({"week_start": raw["date_week"], "revenue": raw["y"]})
    for name in ("x1", "x2"):
        table[f"{name}_spend"] = raw[name] * (0.1 * raw["y"].sum() / raw[name].sum())
    for name in ("event_1", "event_2"):
        table[name] = raw[name]
    return _with_truth(
        "pymc_marketing-mmm_example", "published", table, ["x1", "x2"], ["event_1", "event_2"],
        {name: truth[f"true_contribution_{name}"] for name in ("x1", "x2")},
    )  # fmt: skip


def lightweight(name: str) -> World | None:
    """LightweightMMM's demo: 117 weeks, three channels at nearly constant spend, one with a negative true effect."""
    folder = "lightweight_mmm_simulated"
    paths = [find(folder, f"{name}{end}") for end in (".csv", "_TRUTH.csv", "_TRUTH.json")]
    if None in paths:
        return None
    table_path, weekly_path, truth_path = paths
    raw, weekly, truth = pd.read_csv(table_path), pd.read_csv(weekly_path), json.loads(truth_path.read_text())
    channels = [column for column in raw if column.startswith("media_")]
    table = pd.DataFrame(
        {
            "week_start": pd.date_range("2021-01-04", periods=len(raw), freq="7D"),
            "revenue": raw["target"],
            "extra_feature_1": raw["extra_feature_1"],
        }
    )
    for channel, cost in zip(channels, truth["costs"], strict=True):
        table[f"{channel}_spend"] = raw[channel] * (cost / raw[channel].sum())
    contributions = {channel: weekly[f"true_contribution_{channel}"] for channel in channels}
    return _with_truth(
        f"lightweight-{name}", "published", table, channels, ["extra_feature_1"], contributions, trap=True
    )


def _with_truth(
    name: str,
    generator: str,
    table: pd.DataFrame,
    channels: list[str],
    controls: list[str],
    contributions: dict[str, pd.Series],
    trap: bool = False,
) -> World:
    job = Job(
        kpi="revenue",
        spend={channel: f"{channel}_spend" for channel in channels},
        controls=tuple(controls),
        l_max=L_MAX,
    )
    roi = {
        channel: float(contributions[channel][L_MAX:].sum() / table[f"{channel}_spend"][L_MAX:].sum())
        for channel in channels
    }
    return World(name, generator, table, job, roi, trap)


def meridian_panel() -> tuple[Job, pd.DataFrame] | None:
    """Meridian's sample panel, 40 geos x 156 weeks x 5 channels: media in impressions, KPI in conversions.

    Organic media and promotion are left out, as they are in the posteriors its authors show. No truth is published.
    """
    path = find("meridian", "geo_all_channels.csv")
    if path is None:
        return None
    table = pd.read_csv(path, index_col=0, parse_dates=["time"])
    channels = [f"Channel{i}" for i in range(5)]
    job = Job(
        kpi="conversions",
        revenue_per_kpi="revenue_per_conversion",
        time="time",
        geo="geo",
        population="population",
        spend={name: f"{name}_spend" for name in channels},
        exposure={name: f"{name}_impression" for name in channels},
        controls=("competitor_sales_control", "sentiment_score_control"),
        l_max=L_MAX,
        season_order=0,
    )
    keys = ["time", "geo", "population", "conversions", "revenue_per_conversion"]
    return job, table[[*keys, *job.spend.values(), *job.exposure.values(), *job.controls]]
