"""Raw assets: one a source table, loaded from the landing folder, and the ledger of all landing files."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.raw import expectation_check, filled_in, ledger, quarantine, results
from assets.raw.contract import SQL_TYPES, Contract
from assets.raw.ingest import ALL_CONTRACTS, landing_folder_of, reading_version
from assets.raw.load import load
from assets.raw.origins.assets import FETCHED, origin_key
from assets.resources.landing import Landing
from assets.resources.retries import tried_again_when_locked
from assets.resources.warehouse import POOL, Warehouse

OWNERS = ["data-platform@carryover.example"]


def raw_key(table: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", table])


LEDGER = raw_key(ledger.TABLE)


def raw_spec(contract: Contract) -> dg.AssetSpec:
    """A raw table as an asset, named and documented after its contract."""
    return dg.AssetSpec(
        raw_key(contract.name),
        deps=[origin_key(contract.name)] if contract.name in FETCHED else [],
        group_name="raw",
        description="\n\n".join(
            part
            for part in (
                f"{contract.about}.",
                f"Loaded as it is from the files in and below landing/{landing_folder_of(contract)}/. The rows of "
                "a file replace the rows it left before, those of a file that was deleted are taken away, and of "
                "two files that hold the same row the one exported last counts.",
                contract.days_rule,
                f"Rows that break the contract are set aside in raw.{quarantine.TABLE}, up to {contract.bad_share:.1%} "
                "of a file."
                if contract.bad_rows == "quarantine"
                else "",
            )
            if part
        ),
        owners=OWNERS,
        kinds={"duckdb"},
        tags={"source": contract.source},
        code_version=reading_version(contract),
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
            constraints=dg.TableColumnConstraints(nullable=not (column.required or column.blank)),
        )
        for column in contract.columns
    ]
    return dg.TableSchema(columns)


SPECS = [raw_spec(contract) for contract in ALL_CONTRACTS.values()]
LEDGER_SPEC = dg.AssetSpec(
    LEDGER,
    group_name="raw",
    description=(
        "Every file of the landing folder: what became of it, when it was exported, what it holds, and how much of "
        "that a later export overruled."
    ),
    owners=OWNERS,
    kinds={"duckdb"},
    metadata={
        "dagster/table_name": f"warehouse.raw.{ledger.TABLE}",
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, kind, description=about) for name, (kind, about) in ledger.COLUMNS.items()]
        ),
    },
)


@dg.multi_asset(
    name="landing",
    specs=[*SPECS, LEDGER_SPEC],
    check_specs=[
        *(
            spec
            for contract in ALL_CONTRACTS.values()
            for spec in results.check_specs(raw_key(contract.name), contract)
        ),
        *results.ledger_specs(LEDGER),
    ],
    can_subset=True,
    pool=POOL,
)
def landing_tables(
    context: dg.AssetExecutionContext, landing: Landing, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult]:
    """Load what is new in the landing folder. A table with a refused file stays as it is; the others are loaded."""
    with tried_again_when_locked(context):
        yield from _loaded(context, landing, warehouse)


def _loaded(
    context: dg.AssetExecutionContext, landing: Landing, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult]:
    warehouse.prepare()

    selected = [c for c in ALL_CONTRACTS.values() if raw_key(c.name) in context.selected_asset_keys]
    done = load(selected, landing, warehouse)
    path = Path(warehouse.path)
    with warehouse.connect() as connection:
        expected = {
            table.landed.contract.name: [
                *filled_in.results(connection, raw_key(table.landed.contract.name), table),
                *expectation_check.results(connection, path, raw_key(table.landed.contract.name), table),
            ]
            for table in done.tables
        }
    for table in done.tables:
        name = table.landed.contract.name
        for warning in results.warnings(table):
            context.log.warning(warning)
        yield results.of_table(raw_key(name), table, expected[name])
    if LEDGER in context.selected_asset_keys:
        for warning in results.not_read(done.listing):
            context.log.warning(warning)
        yield results.of_ledger(LEDGER, done)
