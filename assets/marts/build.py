"""Running dbt for a step: every event it reports, with metadata, failing rows and no connection left open."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource
from dagster_dbt.core.dbt_event_iterator import DbtEventIterator

from assets.marts.failures import compiled_tests, with_failing_rows
from assets.marts.project import dbt_environment, manifest
from assets.resources.warehouse import Warehouse

COLUMN_SCHEMA = "dagster/column_schema"
FAILED_BUILDS_KEPT = 5


def dbt_build(context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse) -> Iterator[Any]:
    """`dbt build` of what was selected, with row counts, column schemas and lineage; failed checks show their rows."""
    warehouse.prepare()
    with dbt_environment(warehouse.path):
        invocation = dbt.cli(["build"], context=context)
        events, failure = _events(invocation)
        reported = list(DbtEventIterator(iter(events), invocation).fetch_row_counts().fetch_column_metadata())
        _close_adapter(invocation)
    tests = compiled_tests(invocation.target_path)
    for event in reported:
        if isinstance(event, dg.AssetCheckResult):
            yield with_failing_rows(event, tests, warehouse)
        else:
            yield _with_column_docs(event) if isinstance(event, dg.Output) else event
    _clear(invocation.target_path, failure)
    if failure:
        raise failure


def _events(invocation: DbtCliInvocation) -> tuple[list[Any], Exception | None]:
    """Everything dbt reported before it succeeded or failed; dbt has ended and closed the warehouse on return.

    Metadata is fetched afterwards, from the list: to fetch it from the running stream, dagster-dbt waits for dbt to end
    in a loop that keeps a core busy.
    """
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


def _with_column_docs(output: dg.Output) -> dg.Output:
    """Column schema as the database has it, with the project's descriptions and DuckDB's own names of types."""
    found = output.metadata.get(COLUMN_SCHEMA)
    if found is None:
        return output
    node = manifest()["nodes"][output.metadata["unique_id"].value]
    columns = [
        dg.TableColumn(
            column.name,
            "VARCHAR" if column.type.startswith("character varying") else column.type,
            description=node["columns"].get(column.name, {}).get("description"),
            constraints=column.constraints,
        )
        for column in found.schema.columns
    ]
    return output.with_metadata({**output.metadata, COLUMN_SCHEMA: dg.TableSchema(columns)})


def _close_adapter(invocation: DbtCliInvocation) -> None:
    """Fetching metadata leaves a read-only connection open, which would keep this process from writing."""
    if invocation.adapter is not None:
        invocation.adapter.cleanup_connections()
        invocation.adapter.connections.close_all_connections()
    gc.collect()


def _clear(target: Path, failure: Exception | None) -> None:
    """Every invocation has a folder of its own: the last failed ones are kept to be read."""
    if not failure:
        shutil.rmtree(target, ignore_errors=True)
    builds = [path for path in target.parent.iterdir() if path.is_dir() and path.name.startswith("dbt_")]
    for old in sorted(builds, key=lambda path: path.stat().st_mtime)[:-FAILED_BUILDS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
