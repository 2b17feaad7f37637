"""One load: what the landing folder holds goes into the raw tables, and the ledger says what became of every file."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw import ledger, manifest
from assets.raw.contract import Contract
from assets.raw.folder import LandingFile, Listing, scan
from assets.raw.ingest import reading_version, table_to_load
from assets.raw.landed import Landed, inspect_landing
from assets.raw.raw_tables import Overruling, content_version, held_by_file, overrulings, settle
from assets.resources.landing import Landing
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass
class Loaded:
    """A raw table after a load.

    Attributes:
        entries: its files as the ledger has them.
        version: hash of the rows that count.
        overruled: what later exports left out of earlier ones.
        lost: files whose rows or amount in the warehouse are not those that were read from them.
    """

    landed: Landed
    entries: Mapping[str, ledger.Entry]
    version: str
    overruled: Sequence[Overruling] = ()
    lost: Sequence[str] = ()


@dataclass
class Load:
    """A load of some tables: what was listed, and each table after it."""

    listing: Listing
    tables: list[Loaded] = field(default_factory=list)
    version: str = ""

    @property
    def refused(self) -> list[str]:
        return [str(refusal) for table in self.tables for refusal in table.landed.refused]


def load(
    contracts: Sequence[Contract],
    landing: Landing,
    warehouse: Warehouse,
    write: "Callable[[Mapping[str, pa.Table]], None]",
) -> Load:
    """Load what is new for some tables, retract what is gone, and note it in the ledger and for the sensor.

    Args:
        write: writes the rows of tables into the warehouse, those of a file in place of the ones it left before.
    """
    now = dt.datetime.now(dt.UTC)
    done = Load(scan(Path(landing.folder)))
    with warehouse.connect(read_only=True) as connection:
        found = [inspect_landing(connection, contract, done.listing, now) for contract in contracts]
    batch = {
        table.contract.name: table_to_load(table.contract, table.parts_to_load)
        for table in found
        if table.to_load
    }
    if batch:
        write(batch)
    with warehouse.connect() as connection:
        connection.begin()
        done.tables = [_settled(connection, table) for table in found]
        _write_ledger(connection, done)
        done.version = ledger.version(connection)
        connection.commit()
    versions = {contract.name: reading_version(contract) for contract in contracts}
    manifest.record(Path(warehouse.path), done.listing, versions)
    return done


def _settled(connection: "duckdb.DuckDBPyConnection", landed: Landed) -> Loaded:
    contract, entries = landed.contract, landed.entries()
    if landed.takes_changes:
        order = {name: landed.order[name] for name in entries if name in landed.order}
        settle(connection, contract, landed.retracted, order)
        entries = {name: _dated(entry, landed) for name, entry in entries.items()}
    overruled = overrulings(connection, contract)
    return Loaded(
        landed,
        {name: _with_overruled(entry, overruled) for name, entry in entries.items()},
        content_version(connection, contract),
        overruled,
        _lost(connection, contract, entries),
    )


def _dated(entry: ledger.Entry, landed: Landed) -> ledger.Entry:
    """The entry with when its file was exported, and its place among the table's files."""
    file = next((file for file in landed.files if file.name == entry.file), None)
    if file is None:
        return entry
    return dataclasses.replace(entry, exported_at=_modified(file), export_order=landed.order[file.name])


def _with_overruled(entry: ledger.Entry, overruled: Sequence[Overruling]) -> ledger.Entry:
    ours = [line for line in overruled if line.file == entry.file]
    amount = sum(line.amount for line in ours) if entry.amount is not None else None
    return dataclasses.replace(entry, overruled_rows=sum(line.rows for line in ours), overruled_amount=amount)


def _lost(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, entries: Mapping[str, ledger.Entry]
) -> list[str]:
    """Files whose rows in the warehouse are not those that were read from them."""
    held, lines = held_by_file(connection, contract), []
    for name in sorted({*entries, *held}):
        entry = entries.get(name)
        rows, amount = held.get(name, (0, 0))
        read_rows, read_amount = (entry.row_count or 0, entry.amount or 0) if entry else (0, 0)
        if rows != read_rows or abs(amount - read_amount) > abs(read_amount) / 10**9:
            lines.append(
                f"{name}: {read_rows:,} rows with {read_amount:,.2f} were read, the warehouse holds {rows:,} with "
                f"{amount:,.2f}"
            )
    return lines


def _write_ledger(connection: "duckdb.DuckDBPyConnection", done: Load) -> None:
    tables = [table.landed.contract.name for table in done.tables]
    rows = [entry for table in done.tables for entry in table.entries.values()]
    for table in done.tables:
        rows += _waiting(table.landed)
        files = {file.name: file for file in table.landed.files}
        for refusal in table.landed.refused:
            file = files.get(refusal.name)
            rows.append(
                ledger.Entry(
                    refusal.name,
                    table.landed.contract.name,
                    ledger.REFUSED,
                    " ".join(refusal.faults),
                    exported_at=_modified(file) if file else None,
                )
            )
    rows += [ledger.Entry(name, "", ledger.NOT_READ, why) for name, why in done.listing.not_read.items()]
    ledger.write(connection, ["", *tables], rows)


def _waiting(landed: Landed) -> list[ledger.Entry]:
    """Good files of a table that stays as it was."""
    if not landed.waiting:
        return []
    why = f"{landed.refused[0].name} was refused, and until that is mended the table stays as it was"
    return [ledger.Entry(name, landed.contract.name, ledger.WAITING, why) for name in landed.waiting]


def _modified(file: LandingFile) -> dt.datetime:
    return dt.datetime.fromtimestamp(file.modified_ns / 1e9, dt.UTC).replace(tzinfo=None)
