"""The dbt project in two steps: what models read (staging to marts), and what is reported of them."""

import gc
import shutil
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource, dbt_assets
from dagster_dbt.core.dbt_event_iterator import DbtEventIterator

from assets.marts.failures import compiled_tests, with_failing_rows
from assets.marts.project import dbt_environment, dbt_project, manifest
from assets.marts.translator import LayerTranslator
from assets.resources.warehouse import POOL, Warehouse

REPORTING = "tag:reporting"
TRANSLATOR = LayerTranslator(manifest())
PROJECT = dbt_project()


def dbt_build(context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse) -> Iterator[Any]:
    """`dbt build` of what was selected, with row counts, column schemas and lineage; failed checks show their rows."""
    warehouse.prepare()
    with dbt_environment(warehouse.path):
        invocation = dbt.cli(["build"], context=context)
        events, failure = _all_events(invocation)
        _close_adapter(invocation)
    tests = compiled_tests(invocation.target_path)
    for event in events:
        yield with_failing_rows(event, tests, warehouse) if isinstance(event, dg.AssetCheckResult) else event
    if failure:
        raise failure
    shutil.rmtree(
        invocation.target_path, ignore_errors=True
    )  # one folder an invocation; a failed one is kept to read


def _all_events(invocation: DbtCliInvocation) -> tuple[list[Any], Exception | None]:
    """Everything dbt reported before it succeeded or failed, with metadata from the warehouse.

    Metadata is fetched once dbt is done and has closed the warehouse. Fetching from the running stream would wait for
    that too, but in a loop that keeps a core busy.
    """
    events: list[Any] = []
    failure: Exception | None = None
    try:
        events.extend(invocation.stream())
    except Exception as error:
        failure = error
    reported = DbtEventIterator(iter(events), invocation)
    return list(reported.fetch_row_counts().fetch_column_metadata()), failure


def _close_adapter(invocation: DbtCliInvocation) -> None:
    """Fetching metadata leaves a read-only connection open, which would keep this process from writing."""
    if invocation.adapter is not None:
        invocation.adapter.cleanup_connections()
        invocation.adapter.connections.close_all_connections()
    gc.collect()


@dbt_assets(
    manifest=manifest(),
    exclude=REPORTING,
    name="dbt_marts",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=POOL,
)
def dbt_marts(context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse) -> Iterator[Any]:
    """Staging, intermediate and marts."""
    yield from dbt_build(context, dbt, warehouse)


@dbt_assets(
    manifest=manifest(),
    select=REPORTING,
    name="dbt_reporting",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=POOL,
)
def dbt_reporting(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse
) -> Iterator[Any]:
    """Reporting marts, downstream of the published results."""
    yield from dbt_build(context, dbt, warehouse)
