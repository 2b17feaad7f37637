"""What is new in the landing folder for a table, and what became of each file."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw import ledger
from assets.raw.contract import Contract
from assets.raw.contracts import WEEKLY_TABLES
from assets.raw.files import FileRefused
from assets.raw.folder import RETRACTED, LandingFile, Listing, export_order
from assets.raw.ingest import landing_folder_of, reading_version
from assets.raw.raw_tables import Held, held_by_file
from assets.raw.surface import Surface, surface
from assets.raw.weekly_tables import named_twice

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class NewFile:
    """A file that is new or has changed: what its bytes show, and the hash of them and of how they are read."""

    file: LandingFile
    surface: Surface
    digest: str


@dataclass(frozen=True)
class Taken:
    """A file that was read and keeps its contract, but for the rows that were set aside.

    Attributes:
        row_count: rows that were loaded.
        amount: the exact sum of the contract's amount in them; None where it has none.
        extra_columns: columns of the file that were kept out.
        hashed: by column, the cells in which a hash stands in place of an e-mail address.
        quarantined_rows, quarantined_amount: the rows that were set aside, and what can be read of their amount.
        ended: nothing can be missing of its last row.
        remarks: what is odd about the file.
    """

    file: LandingFile
    digest: str
    row_count: int
    amount: Decimal | None
    extra_columns: tuple[str, ...] = ()
    hashed: Mapping[str, int] = field(default_factory=dict)
    quarantined_rows: int = 0
    quarantined_amount: Decimal = Decimal(0)
    ended: bool = True
    remarks: tuple[str, ...] = ()


@dataclass
class Landed:
    """What the landing folder holds for one table, against what the warehouse holds of it.

    Attributes:
        order: place of each file among those of the table, oldest export first.
        held: what the raw table holds of each file.
        loaded: the files whose rows are in the warehouse, as the ledger has them.
        new: files that are to be read.
        taken: of these, the ones that keep their contract.
        retracted: files that are loaded and no longer there.
    """

    contract: Contract
    files: list[LandingFile]
    order: Mapping[str, int]
    held: Mapping[str, Held]
    loaded: dict[str, ledger.Entry]
    new: list[NewFile] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    refused: list[FileRefused] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)

    @property
    def takes_changes(self) -> bool:
        """A refused file keeps its table as it was; a ready-made weekly table keeps its own rows only."""
        return not self.refused or self.contract is WEEKLY_TABLES

    @property
    def waiting(self) -> list[str]:
        """Good files, new or changed, that are not loaded: another file of their table was refused."""
        return [] if self.takes_changes else [taken.file.name for taken in self.taken]

    def entries(self) -> dict[str, ledger.Entry]:
        """The files of the table after loading, but for what later exports overruled."""
        if not self.takes_changes:
            return dict(self.loaded)
        kept = {name: entry for name, entry in self.loaded.items() if name not in self.retracted}
        for taken in self.taken:
            kept[taken.file.name] = ledger.Entry(
                taken.file.name,
                self.contract.name,
                ledger.LOADED,
                "" if taken.ended else ledger.NO_END,
                digest=taken.digest,
                row_count=taken.row_count,
                amount=taken.amount,
                quarantined_rows=taken.quarantined_rows,
                quarantined_amount=taken.quarantined_amount,
                hashed_cells=sum(taken.hashed.values()),
                kept_out=list(taken.extra_columns),
            )
        files = {file.name: file for file in self.files}
        return {
            name: replace(
                entry,
                exported_at=first_seen(self.loaded.get(name), entry.digest, modified(files[name])),
                modified_at=modified(files[name]),
                size=files[name].size,
                export_order=self.order[name],
            )
            if name in files
            else entry
            for name, entry in kept.items()
        }


def look(connection: "duckdb.DuckDBPyConnection", contract: Contract, listing: Listing) -> Landed:
    """Find the files that are new or changed since they were loaded, and those that are gone. No cell is read."""
    files = listing.tables[contract.name]
    held = held_by_file(connection, contract)
    landed = Landed(contract, files, export_order(files), held, _loaded(connection, contract, held))
    twice = named_twice(files) if contract is WEEKLY_TABLES else {}
    for file in files:
        try:
            if file.name in twice:
                raise FileRefused(file.name, [twice[file.name]])
            if new := _new(file, contract, landed.loaded.get(file.name)):
                landed.new.append(new)
        except FileRefused as refusal:
            landed.refused.append(refusal)
    unseen = sorted(set(landed.loaded) - {file.name for file in files})
    landed.refused += _hidden(listing, contract, unseen)
    gone = [name for name in unseen if not listing.hiding(name)]
    if gone and not files and contract.name not in listing.retracted:
        landed.refused.append(_all_gone(contract, gone))
    else:
        landed.retracted = gone
    return landed


def first_seen(was: ledger.Entry | None, digest: str, now: dt.datetime) -> dt.datetime:
    """When a file that holds what it held was modified first, as far as is known; otherwise, as it is now."""
    same = was is not None and was.digest.partition("-")[0] == digest.partition("-")[0] != ""
    return min(now, was.exported_at) if same and was and was.exported_at else now


def modified(file: LandingFile) -> dt.datetime:
    """When a file was last modified, UTC, to the microsecond."""
    seconds, rest = divmod(file.modified_ns, 10**9)
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None) + dt.timedelta(
        microseconds=rest // 1000
    )


def _new(file: LandingFile, contract: Contract, entry: ledger.Entry | None) -> NewFile | None:
    """A file that is not loaded as it is; None for one that is.

    A file of the same size and time of modification is the same, as the sensor has it too, and is not opened: a
    landing folder of many gigabytes is not read through for one new file in it.
    """
    from mmm_core.inputs import UnreadableFile

    if file.fault:
        raise FileRefused(file.name, [file.fault])
    reading = reading_version(contract)
    if (
        entry is not None
        and entry.digest.endswith(f"-{reading}")
        and (entry.size, entry.modified_at) == (file.size, modified(file))
    ):
        return None
    try:
        seen = surface(file)
    except UnreadableFile as refusal:
        raise FileRefused(file.name, [refusal.fault]) from None
    digest = f"{seen.hash}-{reading}"
    return None if entry is not None and entry.digest == digest else NewFile(file, seen, digest)


def _loaded(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, held: Mapping[str, Held]
) -> dict[str, ledger.Entry]:
    """The files of a raw table. One whose rows are there without an entry, or not as the entry says, is read again."""
    known = ledger.entries(connection, contract.name)
    return {
        name: known[name]
        if name in known and known[name].row_count == part.rows
        else ledger.Entry(name, contract.name, ledger.LOADED, row_count=part.rows)
        for name, part in held.items()
    }


def _hidden(listing: Listing, contract: Contract, unseen: list[str]) -> Iterator[FileRefused]:
    """The folders above a table's own that cannot be listed: its rows stay. One of its own is refused like a file."""
    own = str(landing_folder_of(contract))
    for folder, why in listing.closed.items():
        if any(listing.hiding(name) == folder for name in unseen) and not f"{folder}/".startswith(f"{own}/"):
            where = "landing" if folder == "." else f"landing/{folder}"
            yield FileRefused(own, [f"{where}: {why}, so its rows stay"])


def _all_gone(contract: Contract, gone: list[str]) -> FileRefused:
    folder = f"landing/{landing_folder_of(contract)}"
    return FileRefused(
        str(landing_folder_of(contract)),
        [
            f"every file it was loaded from is gone ({', '.join(gone)}), so its rows stay: put the files back, or, to "
            f"retract them all, create an empty file {folder}/{RETRACTED}"
        ],
    )
