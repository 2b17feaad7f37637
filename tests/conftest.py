"""Shared fixtures.

The first lines isolate a test run: its state lives in a temporary folder, telemetry is off and no proxy stands
between a test and a server on the loopback interface. They run before any package of ours is imported, because
some settings are read at import.
"""

import atexit
import gc
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long inputs take to make is no property of the code: other work may have the machine.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# A process of tests holds a million objects for good: looked through as often as Python does, they took 6 to 11 % of it
gc.set_threshold(10_000, 10, 50)

_STATE = tempfile.mkdtemp(prefix="carryover-tests-")
atexit.register(shutil.rmtree, _STATE, ignore_errors=True)

os.environ.update(
    MMM_DATA_DIR=_STATE,
    MMM_ENVIRONMENT="test",
    # compiled programs, for all processes of this run and for the next one
    MMM_COMPILATION_CACHE=str(Path(__file__).parents[1] / ".pytest_cache" / "jax"),
    # a test runs its programs a few times only: compiling them less saves more than it costs
    XLA_FLAGS="--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0",
    DAGSTER_DISABLE_TELEMETRY="yes",
    MLFLOW_DISABLE_TELEMETRY="true",
    DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    GX_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
    MPLBACKEND="agg",
    NO_PROXY="localhost,127.0.0.1",
    no_proxy="localhost,127.0.0.1",
)
for _name in ("MMM_MODELS_DIR", "MMM_SOURCES", "DAGSTER_HOME", "MLFLOW_TRACKING_URI"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory):
    """An empty MLflow database, which takes long to create: copy it."""
    from assets.resources.tracking import Tracking

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracking(uri=f"sqlite:///{path}", ui="").client().search_experiments(max_results=1)
    return path


@pytest.fixture(scope="session")
def parsed_project():
    """The folder that holds what dbt parsed of the project: a data folder with a copy of it need not parse."""
    from assets.marts.project import manifest_path

    return manifest_path().parent


pytest_plugins = ["tests.fixtures_warehouse", "tests.fixtures_connectors"]

SHARED_BUILDS = ("built_warehouse", "built_connectors")
"""Fixtures that take long: files that use one run in one process, which makes it once."""


@pytest.hookimpl(optionalhook=True)  # there is none without pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """Side by side, a file is of one process, and so are all files that share a long build."""
    from xdist.scheduler import LoadFileScheduling

    class WithSharedBuilds(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return _scope(super()._split_scope(nodeid))

    return WithSharedBuilds(config, log)


@cache
def _scope(file):
    text = (Path(__file__).parent.parent / file).read_text(encoding="utf-8")
    return next((fixture for fixture in SHARED_BUILDS if fixture in text), file)


def pytest_collection_modifyitems(items):
    """The demo and then files with slow tests first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_demo.py", item.path not in slow))
