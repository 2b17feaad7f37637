"""The Dagster instance: its folder, its configuration, and what must exist before the first run."""

import os
import shutil
from pathlib import Path

import dagster as dg

from assets.resources.tracking import Tracking
from assets.resources.warehouse import Warehouse
from orchestration.environments import paths

TEMPLATE = Path(__file__).with_name("dagster.yaml")


def prepare_home() -> Path:
    """DAGSTER_HOME, in the data folder unless it is set, with a `dagster.yaml` in it."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(paths().dagster_home))).resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(TEMPLATE, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    return home


def prepare(warehouse: Warehouse, tracking: Tracking) -> dg.DagsterInstance:
    """Create what several processes would otherwise race to create: history, warehouse schemas, MLflow's database."""
    prepare_home()
    paths().landing.mkdir(parents=True, exist_ok=True)
    warehouse.prepare()
    tracking.client().search_experiments(max_results=1)
    return dg.DagsterInstance.get()
