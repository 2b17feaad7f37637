"""What is new in the landing folder for a table, and whether it may be loaded."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.raw import ledger
from assets.raw.contract import Contract
from assets.raw.contracts import WEEKLY_TABLES
from assets.raw.files import Accepted, FileRefused, check, read_bytes, total
from assets.raw.folder import RETRACTED, LandingFile, Listing, export_order
from assets.raw.ingest import landing_folder_of, reading_version, rows_to_load
from assets.raw.raw_tables import rows_by_file, table_exists
from assets.raw.weekly_tables import check_weekly_table, named_twice

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass
class Landed:
    """What the landing folder held for one table, against what the warehouse holds of it.

    Attributes:
        order: place of each file among those of the table, oldest export first.
        loaded: the files whose rows are in the warehouse, as the ledger has them.
        parts: the rows of files that are new or changed.
        retracted: files that are loaded and no longer there.
    """

    contract: Contract
    files: list[LandingFile]
    order: Mapping[str, int]
    loaded: dict[str, ledger.Entry]
    exists: bool
    accepted: list[Accepted] = field(default_factory=list)
    parts: "list[pa.Table]" = field(default_factory=list)
    refused: list[FileRefused] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)

    @property
    def takes_changes(self) -> bool:
        """A refused file keeps its table as it was; a ready-made weekly table keeps its own rows only."""
        return not self.refused or self.contract is WEEKLY_TABLES

    @property
    def to_load(self) -> bool:
        """There are new rows, or the table has yet to be made: empty, where its first files were refused."""
        return bool(self.parts_to_load or not self.exists)

    @property
    def parts_to_load(self) -> "list[pa.Table]":
        return self.parts if self.takes_changes else []

    @property
    def waiting(self) -> list[str]:
        """Good files, new or changed, that are not loaded: another file of their table was refused."""
        return [] if self.takes_changes else [accepted.file.name for accepted in self.accepted]

    def entries(self) -> dict[str, ledger.Entry]:
        """The files of the table after loading, but for what later exports overruled."""
        if not self.takes_changes:
            return dict(self.loaded)
        kept = {name: entry for name, entry in self.loaded.items() if name not in self.retracted}
        for accepted in self.accepted:
            kept[accepted.file.name] = ledger.Entry(
                accepted.file.name,
                self.contract.name,
                ledger.LOADED,
                digest=accepted.digest,
                row_count=len(accepted.rows),
                amount=total(accepted.rows, self.contract.amount) if self.contract.amount else None,
            )
        return kept


def inspect_landing(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, listing: Listing, now: dt.datetime
) -> Landed:
    """Check the files that are new or changed since they were loaded."""
    files = listing.tables[contract.name]
    exists = table_exists(connection, contract.name)
    loaded = _loaded(connection, contract) if exists else {}
    landed = Landed(contract, files, export_order(files), loaded, exists)
    twice = named_twice(files) if contract is WEEKLY_TABLES else {}
    for file in files:
        try:
            if file.name in twice:
                raise FileRefused(file.name, [twice[file.name]])
            accepted = _check(file, contract, loaded)
            if accepted is not None:
                landed.parts.append(rows_to_load(contract, accepted, landed.order[file.name], now))
                landed.accepted.append(accepted)
        except FileRefused as refusal:
            landed.refused.append(refusal)
        except Exception as error:  # whatever a file brings about is that file's refusal alone
            fault = f"could not be read: {type(error).__name__}: {error}"
            landed.refused.append(FileRefused(file.name, [fault]))
    gone = sorted(set(loaded) - {file.name for file in files})
    if gone and not files and contract.name not in listing.retracted:
        landed.refused.append(_all_gone(contract, gone))
    else:
        landed.retracted = gone
    return landed


def _check(file: LandingFile, contract: Contract, loaded: Mapping[str, ledger.Entry]) -> Accepted | None:
    """A file's rows; None where they are loaded already."""
    content, content_hash = read_bytes(file)
    digest = f"{content_hash}-{reading_version(contract)}"
    if file.name in loaded and loaded[file.name].digest == digest:
        return None
    if contract is WEEKLY_TABLES:
        return check_weekly_table(file, content, digest)
    return check(file, contract, content, digest)


def _loaded(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> dict[str, ledger.Entry]:
    """The files of a raw table. One whose rows are there without an entry, or not as the entry says, is read again."""
    known, held = ledger.entries(connection, contract.name), rows_by_file(connection, contract)
    return {
        name: known[name]
        if name in known and known[name].row_count == rows
        else _unknown(contract, name, rows)
        for name, rows in held.items()
    }


def _unknown(contract: Contract, name: str, rows: int) -> ledger.Entry:
    return ledger.Entry(name, contract.name, ledger.LOADED, row_count=rows)


def _all_gone(contract: Contract, gone: list[str]) -> FileRefused:
    folder = f"landing/{landing_folder_of(contract)}"
    return FileRefused(
        str(landing_folder_of(contract)),
        [
            f"every file it was loaded from is gone ({', '.join(gone)}), so its rows stay: put the files back, or, to "
            f"retract them all, create an empty file {folder}/{RETRACTED}"
        ],
    )
