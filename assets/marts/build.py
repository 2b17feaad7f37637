"""Running dbt for a step: every event it reports, with metadata and failing rows."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource

from assets.marts.failures import compiled_tests, with_failing_rows
from assets.marts.project import dbt_environment, target_dir
from assets.marts.relations import Relations
from assets.resources.warehouse import Warehouse

FAILED_BUILDS_KEPT = 5


def dbt_build(context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse) -> Iterator[Any]:
    """`dbt build` of what was selected, with row counts, column schemas and lineage; failed checks show their rows."""
    warehouse.prepare()
    with dbt_environment(warehouse.path):
        invocation = dbt.cli(["build"], context=context)
        events, failure = _events(invocation)
    tests = compiled_tests(invocation.target_path)
    relations = Relations(warehouse, invocation, target_dir())
    for event in events:
        if isinstance(event, dg.AssetCheckResult):
            yield with_failing_rows(event, tests, warehouse)
        elif isinstance(event, dg.Output):
            found = relations.metadata(event.metadata["unique_id"].value)
            yield event.with_metadata({**event.metadata, **found})
        else:
            yield event
    relations.keep_lineage()
    _clear(invocation.target_path, failure)
    if failure:
        raise failure


def _events(invocation: DbtCliInvocation) -> tuple[list[Any], Exception | None]:
    """Everything dbt reported before it succeeded or failed; dbt has ended and closed the warehouse on return."""
    events: list[Any] = []
    try:
        events.extend(invocation.stream())
    except Exception as error:
        if invocation.process.poll() is None:  # not dbt failed, but what was made of its events
            invocation.process.terminate()
            invocation.process.communicate()
        if isinstance(error, KeyError):
            return events, dg.Failure(
                f"dbt reported {error}, which this code location does not know: the dbt project has changed since it "
                "was loaded. Reload the code location and run again.",
                allow_retries=False,
            )
        return events, error
    return events, None


def _clear(target: Path, failure: Exception | None) -> None:
    """Every invocation has a folder of its own: the last failed ones are kept to be read."""
    if not failure:
        shutil.rmtree(target, ignore_errors=True)
    builds = [path for path in target.parent.iterdir() if path.is_dir() and path.name.startswith("dbt_")]
    for old in sorted(builds, key=lambda path: path.stat().st_mtime)[:-FAILED_BUILDS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
