"""dbt, called in this process: dagster-dbt imports it anyway, and a process of its own would import it once more."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.marts.variables import variables
from assets.resources.settings import REPOSITORY, data_dir
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

PROJECT_DIR = REPOSITORY / "dbt_project"
# Its lines are in the log of the step; a file with all that it thinks meanwhile takes a tenth of a build.
QUIETLY = ("--no-use-colors", "--log-level-file", "none")


def target_dir() -> Path:
    """Where dbt leaves what it compiles."""
    return data_dir() / "dbt_target"


def invoke(
    arguments: Sequence[str],
    warehouse_path: str,
    target: Path,
    manifest: "Manifest | None" = None,
    listener: "Callable[[Any], None] | None" = None,
    made_by: str = "",
) -> "dbtRunnerResult":
    """A dbt command, from its start to its end.

    Args:
        target: the folder that dbt writes to.
        manifest: what dbt parsed before; None parses the project.
        listener: is given every event of dbt from level info on, in whichever thread it happens.
        made_by: what incremental models are made by, beside their rows; it is noted with them.

    Raises:
        BaseException: a signal that came meanwhile; the query at work is cancelled and the warehouse closed. What dbt
            itself fails of is in the result.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    with dbt_environment(warehouse_path, target, made_by), without_debug_events(), without_callers():
        try:
            told = ["--vars", dumps(variables())]
            done = dbtRunner(manifest, [listener] if listener else []).invoke([*QUIETLY, *arguments, *told])
        finally:
            DuckDBConnectionManager.close_all_connections()  # it keeps one open for its process's next command
    if done.exception is not None and not isinstance(done.exception, Exception):
        raise done.exception
    return done


@contextmanager
def without_debug_events() -> Iterator[None]:
    """dbt makes no messages of its events at debug level: nobody hears them, and they take a tenth of a build."""
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event

    def heard(manager: EventManager, event: Any, level: Any = None, *arguments: Any, **options: Any) -> None:
        if (level or event.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST):
            fire(manager, event, level, *arguments, **options)

    EventManager.fire_event = heard
    try:
        yield
    finally:
        EventManager.fire_event = fire


@contextmanager
def without_callers() -> Iterator[None]:
    """An adapter does not look through the source of all modules for who defined each of its dozen flags.

    That is named where a flag that is off is told of; below a run of Dagster the look takes a second or two.
    """
    from dbt_common.behavior_flags import BehaviorFlagRendered

    looked_for = BehaviorFlagRendered.__dict__["_default_source"]
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")
    try:
        yield
    finally:
        BehaviorFlagRendered._default_source = looked_for


@contextmanager
def dbt_environment(warehouse_path: str, target: Path | None = None, made_by: str = "") -> Iterator[None]:
    """What dbt reads from the environment: the warehouse of profiles.yml, its folders, no telemetry."""
    target = target or target_dir()
    settings = {
        "MMM_WAREHOUSE_PATH": warehouse_path,
        "MMM_MADE_BY": made_by,
        "DBT_PROJECT_DIR": str(PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
