"""Where things are: every path, address and switch that differs between environments, in one place.

(`assets/resources/settings.py` reads the three that assets need before anything is configured.)

MMM_ENVIRONMENT names the environment (dev unless set); MMM_DATA_DIR moves the folder that holds everything a run
leaves behind. Every map names every environment, so an environment cannot be half configured.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from assets.resources.settings import data_dir, environment_name

Environment = Literal["dev", "test", "prod"]
ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)

# MLflow: a database file beside the artifacts, or a server whose address MMM_MLFLOW_URI gives.
EMBEDDED_MLFLOW = {"dev": True, "test": True, "prod": False}
MLFLOW_UI = {"dev": "http://127.0.0.1:5000", "test": "http://127.0.0.1:5000", "prod": "http://127.0.0.1:5000"}
# Where people open Dagster: alerts link to their run there.
DAGSTER_UI = {
    "dev": "http://127.0.0.1:3000",
    "test": "http://127.0.0.1:3000",
    "prod": "http://127.0.0.1:3000",
}
# What runs by itself once the daemon is up.
SENSORS_RUNNING = {"dev": True, "test": False, "prod": True}
SCHEDULES_RUNNING = {"dev": False, "test": False, "prod": True}
# Where alerts go: stdout, webhook (MMM_ALERT_WEBHOOK), smtp (MMM_ALERT_SMTP, MMM_ALERT_FROM) or url (MMM_ALERT_URL).
ALERT_SINK = {"dev": "stdout", "test": "stdout", "prod": "stdout"}
# Seconds to wait for the warehouse's lock.
WAREHOUSE_WAIT_SECONDS = {"dev": 120.0, "test": 30.0, "prod": 600.0}
MAPS = (
    EMBEDDED_MLFLOW,
    MLFLOW_UI,
    DAGSTER_UI,
    SENSORS_RUNNING,
    SCHEDULES_RUNNING,
    ALERT_SINK,
    WAREHOUSE_WAIT_SECONDS,
)


class EnvironmentRefused(RuntimeError):
    """The environment is unknown, or something it needs is not set."""


def environment() -> Environment:
    """The environment this process runs in."""
    name = environment_name()
    if name not in ENVIRONMENTS:
        raise EnvironmentRefused(f"MMM_ENVIRONMENT is {name!r}: it must be one of {', '.join(ENVIRONMENTS)}")
    return name


@dataclass(frozen=True)
class Paths:
    """The data folder, by what lies in it."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def vintages(self) -> Path:
        return self.root / "vintages"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def surveys(self) -> Path:
        return self.root / "surveys"

    @property
    def long_term(self) -> Path:
        return self.root / "long_term"

    @property
    def posteriors(self) -> Path:
        return self.root / "posteriors"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def dagster_home(self) -> Path:
        return self.root / "dagster"

    @property
    def compilation_cache(self) -> Path:
        return self.root / "cache" / "jax"


def paths() -> Paths:
    return Paths(data_dir())


def mlflow_uri() -> str:
    """Where MLflow records; MMM_MLFLOW_URI names a server.

    Raises:
        EnvironmentRefused: this environment has no database of its own and no server was named.
    """
    given = os.environ.get("MMM_MLFLOW_URI")
    if given:
        return given
    if not EMBEDDED_MLFLOW[environment()]:
        raise EnvironmentRefused(f"set MMM_MLFLOW_URI: {environment()} records in an MLflow server")
    return f"sqlite:///{paths().mlflow / 'mlflow.db'}"


def mlflow_artifacts() -> str | None:
    """Folder of MLflow's artifacts; None where a server decides."""
    return None if mlflow_uri().startswith("http") else str(paths().mlflow / "artifacts")


def mlflow_ui() -> str:
    """Address at which people open MLflow; MMM_MLFLOW_UI where it differs from the server's."""
    uri = mlflow_uri()
    return os.environ.get("MMM_MLFLOW_UI") or (uri if uri.startswith("http") else MLFLOW_UI[environment()])


def run_page(run_id: str) -> str:
    """Address at which people open a run in Dagster; MMM_DAGSTER_UI says where Dagster is."""
    return f"{(os.environ.get('MMM_DAGSTER_UI') or DAGSTER_UI[environment()]).rstrip('/')}/runs/{run_id}"


def compilation_cache() -> Path:
    """Folder of JAX's compiled programs; MMM_COMPILATION_CACHE names another one."""
    given = os.environ.get("MMM_COMPILATION_CACHE")
    return Path(given) if given else paths().compilation_cache


def alert_sink() -> str:
    """The environment's way to send alerts, or the one MMM_ALERT_SINK names."""
    return os.environ.get("MMM_ALERT_SINK") or ALERT_SINK[environment()]


def alert_setting(name: str) -> str:
    """A setting that a way to send alerts needs.

    Raises:
        EnvironmentRefused: it is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise EnvironmentRefused(f"set {name}: alerts are sent through it")
    return value


def team_address(team: str) -> str:
    """Where a team's alerts go: MMM_ALERT_<TEAM>, or an address that delivers to nobody."""
    return os.environ.get(f"MMM_ALERT_{team.upper().replace('-', '_')}", f"{team}@carryover.example")
