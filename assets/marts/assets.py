"""The dbt project in two steps: what models read (staging to marts), and what is reported of them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from assets.marts.build import dbt_build
from assets.marts.project import dbt_project, manifest
from assets.marts.translator import LayerTranslator
from assets.publish.restore import restored_results
from assets.resources.result_store import ResultStore
from assets.resources.retries import tried_again_when_locked
from assets.resources.warehouse import POOL, Warehouse

REPORTING = "tag:reporting"
TRANSLATOR = LayerTranslator(manifest())
PROJECT = dbt_project()


@dbt_assets(
    manifest=manifest(),
    exclude=REPORTING,
    name="dbt_marts",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=POOL,
)
def dbt_marts(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Staging, intermediate and marts."""
    with tried_again_when_locked(context):
        yield from dbt_build(context, warehouse)


@dbt_assets(
    manifest=manifest(),
    select=REPORTING,
    name="dbt_reporting",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=POOL,
)
def dbt_reporting(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    results: dg.ResourceParam[ResultStore],
) -> Iterator[Any]:
    """Reporting marts, downstream of the published results of every vintage."""
    with tried_again_when_locked(context):
        yield from restored_results(context, warehouse, results)
        yield from dbt_build(context, warehouse)
