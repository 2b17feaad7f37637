"""`dbt build` of what a step selected, in the step's process, and what dbt reported of every model and test."""

import datetime as dt
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._utils.interrupts import raise_interrupts_as
from dagster_dbt import DagsterDbtTranslator, DbtProject
from dagster_dbt.asset_utils import (
    DAGSTER_DBT_EXCLUDE_METADATA_KEY,
    DAGSTER_DBT_SELECT_METADATA_KEY,
    get_manifest_and_translator_from_dbt_assets,
    get_subset_selection_for_context,
)
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from assets.marts.invoke import invoke, target_dir
from assets.marts.made_by import is_made_otherwise
from assets.marts.project import dbt_manifest, fingerprint
from assets.resources.warehouse import Warehouse, WarehouseDamaged

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

RESULTS = {"LogSeedResult", "LogModelResult", "LogTestResult"}
# Unit tests read rows that are written in the project: they come out the same in every refresh, so the tests run them.
# Nothing of the JSON files that dbt can write is read, and of its log, the lines that `tell` prints: dbt itself formats
# ten times as many, and then drops them.
BUILD = ("--no-write-json", "--log-level", "none", "build", "--exclude-resource-type", "unit_test")
TOLD = {"info", "warn", "error"}


class DbtFailed(RuntimeError):
    """dbt reported errors; the message holds them."""


@dataclass(frozen=True)
class DbtBuild:
    """A build that has ended, its warehouse closed.

    Attributes:
        manifest: the project as Dagster loaded it.
        target_path: the folder of its own that dbt compiled to.
        reported: dbt's events of what was built and tested, in order.
        tests: SQL of the tests, by unique id.
        failure: why dbt did not succeed.
    """

    context: dg.AssetExecutionContext
    manifest: Mapping[str, Any]
    dagster_dbt_translator: DagsterDbtTranslator
    project: DbtProject
    target_path: Path
    reported: list[Mapping[str, Any]]
    tests: Mapping[str, str]
    failure: Exception | None

    def events(self) -> Iterator[Any]:
        """Outputs and check results of the step.

        Raises:
            KeyError: dbt built what the manifest does not know.
        """
        for event in self.reported:
            yield from DbtCoreCliEventMessage(
                raw_event=dict(event), event_history_metadata={}
            ).to_default_asset_events(
                manifest=self.manifest,
                dagster_dbt_translator=self.dagster_dbt_translator,
                context=self.context,
                target_path=self.target_path,
                project=self.project,
            )


def build(context: dg.AssetExecutionContext, warehouse: Warehouse) -> DbtBuild:
    """Build what the step selected.

    Raises:
        KeyboardInterrupt: the run was stopped; the query at work is cancelled and the warehouse closed.
    """
    from google.protobuf.json_format import MessageToDict

    manifest, translator, project = get_manifest_and_translator_from_dbt_assets([context.assets_def])
    target = (
        target_dir()
        / f"{context.op_execution_context.op.name}-{context.run.run_id[:7]}-{uuid.uuid4().hex[:7]}"
    )
    reported: list[Mapping[str, Any]] = []
    errors: list[str] = []

    unheard: list[Exception] = []

    def listen(event: Any) -> None:
        try:
            hear(event)
        except Exception as error:  # raised in dbt's own thread, dbt would wait for ever
            unheard.append(error)

    def hear(event: Any) -> None:
        if event.info.level in TOLD:
            tell(event)
        if event.info.name in RESULTS:
            reported.append(MessageToDict(event, preserving_proto_field_name=True))
        elif event.info.level == "error":
            errors.append(event.info.msg)

    with raise_interrupts_as(KeyboardInterrupt):  # which dbt knows: it cancels its queries and ends
        parsed = dbt_manifest(warehouse.path)
        made_by = fingerprint()
        anew = ["--full-refresh"] if is_made_otherwise(warehouse, made_by) else []
        arguments = [*BUILD, *anew, *_selection(context, manifest, translator)]
        done = invoke(arguments, warehouse.path, target, parsed, listen, made_by)
    failure = unheard[0] if unheard else None if done.success else _failure(done, errors, warehouse)
    return DbtBuild(context, manifest, translator, project, target, reported, _compiled_tests(done), failure)


def tell(event: Any) -> None:
    """An event as the line that dbt prints of it, into the log of the step."""
    from dbt_common.events.functions import env_scrubber

    with suppress(OSError):  # the disk of the log is full: what fails of that says so itself
        sys.stdout.write(f"{dt.datetime.now(dt.UTC):%H:%M:%S}  {env_scrubber(event.info.msg)}\n")
        sys.stdout.flush()


def _selection(
    context: dg.AssetExecutionContext, manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> list[str]:
    arguments, indirect = get_subset_selection_for_context(
        context=context,
        manifest=manifest,
        select=context.op_execution_context.op.tags.get(DAGSTER_DBT_SELECT_METADATA_KEY),
        exclude=context.op_execution_context.op.tags.get(DAGSTER_DBT_EXCLUDE_METADATA_KEY),
        selector=None,
        dagster_dbt_translator=translator,
        current_dbt_indirect_selection_env=None,
    )
    return [*arguments, "--indirect-selection", indirect] if indirect else arguments


def _failure(
    done: "dbtRunnerResult", errors: list[str], warehouse: Warehouse
) -> DbtFailed | WarehouseDamaged:
    found = "\n".join(errors or [str(done.exception)])
    return warehouse.damage(found) or DbtFailed(found)


def _compiled_tests(done: "dbtRunnerResult") -> dict[str, str]:
    results = getattr(done.result, "results", ())
    return {
        result.node.unique_id: result.node.compiled_code
        for result in results
        if result.node.unique_id.startswith("test.") and getattr(result.node, "compiled_code", None)
    }
