"""Raw assets: one a source table, loaded from the landing folder by dlt."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_dlt import DagsterDltResource, DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from assets.raw.contracts import SQL_TYPES, Contract
from assets.raw.ingest import (
    ALL_CONTRACTS,
    content_version,
    contract_version,
    landing_folder_of,
    landing_pipeline,
    landing_source,
    loaded_files,
    rows_to_load,
)
from assets.raw.landed import Landed, inspect_landing
from assets.resources.landing import Landing
from assets.resources.warehouse import POOL, Warehouse

OWNERS = ["data-platform@carryover.example"]
CHECK = "keeps_contract"


def raw_key(table: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", table])


class LandingTranslator(DagsterDltTranslator):
    """Names and documents a dlt resource after its contract."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        contract = ALL_CONTRACTS[data.resource.name]
        return dg.AssetSpec(
            raw_key(contract.name),
            group_name="raw",
            description=(
                f"{contract.about}.\n\nLoaded from landing/{landing_folder_of(contract)}/*.csv as it is; "
                f"the rows of a file replace the rows it left before."
            ),
            owners=OWNERS,
            kinds={"dlt", "duckdb"},
            tags={"source": contract.source},
            code_version=contract_version(contract),
            metadata={
                "dagster/table_name": f"warehouse.raw.{contract.name}",
                "dagster/column_schema": _column_schema(contract),
            },
        )


def _column_schema(contract: Contract) -> dg.TableSchema:
    columns = [
        dg.TableColumn(
            column.name,
            SQL_TYPES[column.kind],
            description=column.about,
            constraints=dg.TableColumnConstraints(nullable=not column.required),
        )
        for column in contract.columns
    ]
    return dg.TableSchema(columns)


TRANSLATOR = LandingTranslator()
SPECS = [
    TRANSLATOR.get_asset_spec(DltResourceTranslatorData(resource=resource, pipeline=None))
    for resource in landing_source(dict.fromkeys(ALL_CONTRACTS)).resources.values()
]


@dg.multi_asset(
    name="landing",
    specs=SPECS,
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=spec.key,
            blocking=True,
            description="Every new file has the columns, types, currencies and bounds its contract asks for.",
        )
        for spec in SPECS
    ],
    can_subset=True,
    pool=POOL,
)
def landing_tables(
    context: dg.AssetExecutionContext, dlt: DagsterDltResource, landing: Landing, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Load what is new in the landing folder. A table with a refused file stays as it is; the others are loaded."""
    warehouse.prepare()
    selected = [c for c in ALL_CONTRACTS.values() if raw_key(c.name) in context.selected_asset_keys]
    tables = [inspect_landing(contract, Path(landing.folder), warehouse) for contract in selected]
    now = dt.datetime.now(dt.UTC)
    batch = {t.contract.name: rows_to_load(t.contract, t.accepted, now) for t in tables if t.to_load}
    if batch:
        # The events of dlt know nothing of what was not loaded; ours below describe every table the same way.
        for _ in dlt.run(
            context,
            dlt_source=landing_source(batch),
            dlt_pipeline=landing_pipeline(warehouse.path, landing.dlt_folder),
            dagster_dlt_translator=TRANSLATOR,
        ):
            pass
    for table in tables:
        if table.refused:
            yield _refusal(table)
        else:
            yield _materialization(context, table, warehouse)
    refused = [refusal for table in tables for refusal in table.refused]
    if refused:
        raise dg.Failure("\n".join(map(str, refused)), allow_retries=False)


def _refusal(table: Landed) -> dg.AssetCheckResult:
    faults = [
        f"**{refusal.name}**\n" + "".join(f"- {f}\n" for f in refusal.faults) for refusal in table.refused
    ]
    return dg.AssetCheckResult(
        asset_key=raw_key(table.contract.name),
        check_name=CHECK,
        passed=False,
        description=f"refused: {', '.join(refusal.name for refusal in table.refused)}",
        metadata={"faults": dg.MetadataValue.md("\n".join(faults))},
    )


def _materialization(
    context: dg.AssetExecutionContext, table: Landed, warehouse: Warehouse
) -> dg.MaterializeResult:
    contract = table.contract
    with warehouse.connect(read_only=True) as connection:
        files = loaded_files(connection, contract)
        version = content_version(connection, contract)
    fresh = {accepted.file.name: accepted for accepted in table.accepted}
    landed = {file.name for file in table.files}
    lines = [
        f"| {name} | {rows:,} | {'loaded' if name in fresh else 'unchanged' if name in landed else 'no longer there'} |"
        for name, (_, rows) in sorted(files.items())
    ]
    extra = [
        f"{name}: {', '.join(accepted.extra_columns)}"
        for name, accepted in fresh.items()
        if accepted.extra_columns
    ]
    metadata = {
        "dagster/row_count": sum(rows for _, rows in files.values()),
        "rows_loaded": sum(len(accepted.rows) for accepted in table.accepted),
        "files": dg.MetadataValue.md(
            "\n".join(["| file | rows | |", "|---|---|---|", *lines]) if lines else "none"
        ),
    }
    if extra:
        context.log.warning(
            f"{contract.name}: columns kept out, as the contract does not name them: {'; '.join(extra)}"
        )
        metadata["columns_kept_out"] = dg.MetadataValue.text("; ".join(extra))
    return dg.MaterializeResult(
        asset_key=raw_key(contract.name),
        metadata=metadata,
        data_version=dg.DataVersion(version),
        check_results=[
            dg.AssetCheckResult(
                asset_key=raw_key(contract.name),
                check_name=CHECK,
                passed=True,
                description=f"{len(fresh)} new or changed of {len(landed)} files"
                if landed
                else "no file has landed",
                metadata={"files": len(landed), "new_or_changed": len(fresh)},
            )
        ],
    )
