"""A table as people have them, with names of their own and weeks dated by their last day, through every store.

Landing, dbt, the posterior, MLflow and the published marts keep names and dates as they were written.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.orchestration.house import LENIENT

REPOSITORY = Path(__file__).parents[2]
MODEL = "odd"
GEOS = ("K\u00f6ln/Bonn", "NA", "St. John's [north], 50 %")
CHANNELS = {"search (brand)": "search spend (\u20ac)", "K\u00f6ln TV: 50 %": "TV \u2013 'prime' spend"}
CONTROL, EVENT, KPI = 'price index, "2020" = 100', "tag der offenen t\u00fcr", "Umsatz (\u20ac)"
WEEKS, FIRST, WEEK = 56, "2024-12-02", "week_ending"

pytestmark = pytest.mark.slow


def weekly() -> pd.DataFrame:
    """A row a week and geo, with media that sell; weeks are dated by their Sunday, the last day."""
    numbers = np.random.default_rng(4)
    last_days = pd.date_range(FIRST, periods=WEEKS, freq="7D") + pd.Timedelta(days=6)
    table = pd.MultiIndex.from_product([GEOS, last_days], names=["geo", WEEK]).to_frame(index=False)[
        [WEEK, "geo"]
    ]
    for column in CHANNELS.values():
        table[column] = numbers.gamma(2.0, 50.0, len(table)).round(2)
    table[CONTROL] = numbers.normal(100, 5, len(table)).round(3)
    media = sum(2.0 * table[column] for column in CHANNELS.values())
    table[KPI] = (2000 + media + 3 * table[CONTROL] + numbers.normal(0, 40, len(table))).round(2)
    return table


SPEC = {
    "model": MODEL,
    "table": f"weekly_tables/{MODEL}",
    "kpi": {"column": KPI},
    "media": {
        "defaults": {"adstock": {"l_max": 2}},
        "channels": {name: {"spend": column} for name, column in CHANNELS.items()},
    },
    "time": {"column": WEEK, "marks": "end"},
    "geo": {"column": "geo"},
    "controls": [CONTROL],
    "baseline": {"seasonality": {"order": 1}, "events": {EVENT: ["2025-06-04"]}},
    "fit": {"chains": 2, "warmup": 200, "draws": 200, "seed": 3},
    "review": LENIENT,
    "budget": {"weeks": 4, "bounds": {"default": [0.5, 1.5], next(iter(CHANNELS)): [0.9, 1.2]}},
}


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory, parsed_project):
    """The data folder of `make refresh MODEL=odd`, and what it printed."""
    root = tmp_path_factory.mktemp("odd names")  # and a folder with a blank
    landing = root / "data" / "landing" / "weekly_tables"
    landing.mkdir(parents=True)
    weekly().to_csv(landing / f"{MODEL}.csv", index=False)
    shutil.copytree(parsed_project, root / "data" / "dbt_target")
    (root / "models").mkdir()
    (root / "models" / f"{MODEL}.yaml").write_text(yaml.safe_dump(SPEC, allow_unicode=True), encoding="utf-8")
    environment = {
        **os.environ,
        "MMM_DATA_DIR": str(root / "data"),
        "MMM_MODELS_DIR": str(root / "models"),
        "COLUMNS": "200",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "orchestration.refresh", MODEL],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    printed = ran.stdout + ran.stderr
    assert ran.returncode == 0, printed
    return root / "data", printed


def test_they_are_printed(refreshed):
    _, printed = refreshed
    for channel in CHANNELS:
        assert channel in printed
    assert "promoted and published" in printed


def test_they_are_published_as_they_were_written(refreshed):
    folder, _ = refreshed
    current = folder / "published" / "current"
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as marts:

        def distinct(column: str, table: str) -> set[str]:
            rows = marts.execute(f"select distinct {column} from {table} where model = '{MODEL}'").fetchall()
            return {value for (value,) in rows}

        assert distinct("channel", "reporting.rpt_channel_roi") == set(CHANNELS)
        assert distinct("channel", "reporting.rpt_response_curves") == set(CHANNELS)
        assert distinct("channel", "reporting.rpt_budget_allocation") == set(CHANNELS)
        components = distinct("component", "reporting.rpt_contributions_weekly")
        assert {*CHANNELS, CONTROL, EVENT} <= components
        geos = marts.execute("select distinct geo from marts.fct_weekly_tables").fetchall()
        assert {geo for (geo,) in geos} == set(GEOS)
        days = marts.execute(
            "select min(week_start), max(week_start), min(first_day) from reporting.rpt_contributions_weekly"
        )
        first = pd.Timestamp(FIRST) + pd.Timedelta(weeks=2)  # after `l_max` weeks of media history
        last = pd.Timestamp(FIRST) + pd.Timedelta(weeks=WEEKS - 1, days=6)
        assert days.fetchone() == ((first + pd.Timedelta(days=6)).date(), last.date(), first.date())
        joined = marts.execute(
            "select count(*) from reporting.rpt_contributions_weekly join (select distinct week_start from "
            f"marts.fct_weekly_tables) using (week_start) where component = '{CONTROL}'"
        )
        assert joined.fetchone() == (WEEKS - 2,)
    files = pd.read_parquet(current / "rpt_channel_roi.parquet")
    assert set(files.query("model == @MODEL")["channel"]) == set(CHANNELS)


def test_the_registered_models_answer_to_them(refreshed, monkeypatch):
    import mlflow

    folder, _ = refreshed
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    plan = weekly().groupby("geo").tail(4).drop(columns=KPI)
    plan[WEEK] += pd.Timedelta(weeks=4)
    forecast = mlflow.pyfunc.load_model(f"models:/mmm_{MODEL}@champion").predict(plan)
    assert set(forecast["geo"]) == set(GEOS)
    assert (forecast["q05"] < forecast["q95"]).all()
    for answer in ("curves", "budget"):
        model = mlflow.pyfunc.load_model(f"models:/mmm_{MODEL}_{answer}@champion")
        for channel in CHANNELS:
            spend = {"spend": [100.0]} if answer == "curves" else {}
            assert len(model.predict(pd.DataFrame({"channel": [channel], **spend}))) == 1
