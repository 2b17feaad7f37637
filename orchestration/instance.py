"""The Dagster instance: its folder, its configuration, and what must exist before the first run."""

import fcntl
import os
import shutil
from pathlib import Path

import dagster as dg

from assets.publish.publication import remove
from assets.resources.dead_runs import end_dead_runs
from assets.resources.tracking import Tracking
from assets.resources.warehouse import Warehouse
from mmm_core.files import abandoned
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
    os.environ.setdefault(
        "DAGSTER_EVENT_BATCH_SIZE", "1000"
    )  # what a run plans to do, some 240 events, in one go
    return home


def prepare(warehouse: Warehouse, tracking: Tracking) -> dg.DagsterInstance:
    """Create what several processes would otherwise race to create: history, warehouse schemas, MLflow's database.

    Runs whose process was killed are failed, so that nobody waits for them, and the half-written files of killed
    processes are removed.
    """
    home = prepare_home()
    paths().landing.mkdir(parents=True, exist_ok=True)
    with (home / ".prepare.lock").open("w") as lock:  # given back by the system however this process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not Path(warehouse.path).is_file():  # one that is there, the runs prepare when it is their turn
            warehouse.prepare()
        tracking.prepare()
        instance = dg.DagsterInstance.get()
        end_dead_runs(instance)
    kept = paths()
    stored = (
        kept.vintages,
        kept.evidence,
        kept.surveys,
        kept.posteriors,
        kept.long_term,
        kept.results,
        kept.reports,
    )
    for folder in (*stored, kept.published):
        for left in abandoned(folder):
            remove(left)
    return instance
