"""The configured resources of the environment this process runs in."""

import sys
from typing import Any

from assets.resources.fitting import FitProcess
from assets.resources.landing import Landing
from assets.resources.long_term_stores import LongTermStore, SurveyStore
from assets.resources.published import Published
from assets.resources.report_store import ReportStore
from assets.resources.settings import REPOSITORY
from assets.resources.stores import (
    EvidenceStore,
    PosteriorStore,
    RefusingIOManager,
    ResultStore,
    VintageStore,
)
from assets.resources.tracking import Tracking
from assets.resources.warehouse import Warehouse
from orchestration import environments as env


def warehouse() -> Warehouse:
    return Warehouse(
        path=str(env.paths().warehouse), wait_seconds=env.WAREHOUSE_WAIT_SECONDS[env.environment()]
    )


def tracking() -> Tracking:
    return Tracking(uri=env.mlflow_uri(), artifacts=env.mlflow_artifacts(), ui=env.mlflow_ui())


def build() -> dict[str, Any]:
    """Every resource and IO manager by the key that assets ask for."""
    paths = env.paths()
    return {
        "io_manager": RefusingIOManager(),
        "vintages": VintageStore(folder=str(paths.vintages)),
        "evidence": EvidenceStore(folder=str(paths.evidence)),
        "posteriors": PosteriorStore(
            folder=str(paths.posteriors), compilation_cache=str(env.compilation_cache())
        ),
        "surveys": SurveyStore(folder=str(paths.surveys)),
        "long_terms": LongTermStore(folder=str(paths.long_term)),
        "results": ResultStore(folder=str(paths.results)),
        "reports": ReportStore(folder=str(paths.reports)),
        "landing": Landing(folder=str(paths.landing)),
        "warehouse": warehouse(),
        "published": Published(folder=str(paths.published)),
        "tracking": tracking(),
        "fit_process": fit_process(),
    }


def fit_process() -> FitProcess:
    return FitProcess(
        command=[sys.executable, "-m", "orchestration.pipes.fit"],
        environment={"MMM_COMPILATION_CACHE": str(env.compilation_cache())},
        folder=str(REPOSITORY),
    )
