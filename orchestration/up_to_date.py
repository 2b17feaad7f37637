"""Whether an ingest would change a mart at all, known in a moment: nothing has to be loaded or built to be told."""

from pathlib import Path

import dagster as dg

from assets.marts.invoke import PROJECT_DIR
from assets.marts.project import files_of
from assets.model_inputs.mart import WEEKLY_MART, WEEKLY_TABLES
from assets.models import load_model
from assets.raw.folder import scan
from assets.raw.origins.assets import ORIGINS
from assets.resources.warehouse import Warehouse, landing_notes
from orchestration.environments import paths
from orchestration.landing_sensor import not_loaded


def is_up_to_date(instance: dg.DagsterInstance, warehouse: Warehouse, model: str) -> bool:
    """Whether a model's mart was built after everything that has landed was loaded, by the dbt project as it is.

    In doubt, as where sources are fetched, it is not: then an ingest is what tells.
    """
    if ORIGINS or not_loaded(scan(paths().landing)):
        return False
    table = load_model(model).table
    mart = dg.AssetKey(["marts", WEEKLY_MART if table.startswith(WEEKLY_TABLES) else table])
    built, notes = instance.get_latest_materialization_event(mart), landing_notes(Path(warehouse.path))
    if built is None or not notes.is_file():
        return False
    return built.timestamp > max(notes.stat().st_mtime, _last_edit(PROJECT_DIR))


def _last_edit(folder: Path) -> float:
    return max((path.stat().st_mtime for path in files_of(folder)), default=0.0)
