"""Running dbt for a step: every event it reports, with metadata and failing rows."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.marts.failures import found_by_failed, with_failing_rows
from assets.marts.invoke import target_dir
from assets.marts.left_over import in_words, left_over
from assets.marts.relations import Relations
from assets.marts.runner import DbtBuild, DbtFailed, build
from assets.resources.warehouse import Warehouse

FAILED_BUILDS_KEPT = 5


def dbt_build(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """`dbt build` of what was selected, with row counts, column schemas and lineage; failed checks show their rows."""
    warehouse.prepare()
    built = build(context, warehouse)
    events, failure = _events(built)
    relations = Relations(warehouse, built, target_dir())
    tested = []
    for event in events:
        if isinstance(event, dg.AssetCheckResult):
            tested.append(with_failing_rows(event, built.tests, warehouse))
            yield tested[-1]
        elif isinstance(event, dg.Output):
            found = relations.metadata(event.metadata["unique_id"].value)
            yield event.with_metadata({**event.metadata, **found})
        else:
            yield event
    relations.keep_lineage()
    if left := left_over(relations.manifest, relations.kinds):
        context.log.warning(in_words(left, relations.kinds))
    _clear(built.target_path, failure)
    if isinstance(failure, DbtFailed):  # terminal and alert have its words alone
        failure = DbtFailed("\n".join([str(failure), *found_by_failed(tested)]))
    if failure:
        raise failure


def _events(built: DbtBuild) -> tuple[list[Any], Exception | None]:
    """What dbt reported, as Dagster's events, before it succeeded or failed."""
    events: list[Any] = []
    try:
        events.extend(built.events())
    except KeyError as error:
        return events, dg.Failure(
            f"dbt reported {error}, which this code location does not know: the dbt project has changed since it "
            "was loaded. Reload the code location and run again.",
            allow_retries=False,
        )
    return events, built.failure


def _clear(target: Path, failure: Exception | None) -> None:
    """Every build has a folder of its own: the last failed ones are kept to be read."""
    if not failure:
        shutil.rmtree(target, ignore_errors=True)
    builds = [path for path in target.parent.iterdir() if path.is_dir() and path.name.startswith("dbt_")]
    for old in sorted(builds, key=lambda path: path.stat().st_mtime)[:-FAILED_BUILDS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
