"""One load: what the landing folder holds goes into the raw tables, and the ledger says what became of every file.

A table is loaded file by file in one transaction, with its entries in the ledger: it is there as it was or as it should
be, whenever a load ends or is killed, and the next load takes up the tables that are missing. Rows go from a file to
the warehouse in pieces, so memory does not grow with them.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw import gone, ledger, manifest, quarantine, retired
from assets.raw.contract import Contract
from assets.raw.contracts import WEEKLY_TABLES
from assets.raw.files import FileRefused, check, read_bytes, total
from assets.raw.folder import LandingFile, Listing, scan
from assets.raw.ingest import (
    ALL_CONTRACTS,
    insert_accepted,
    insert_plain,
    landing_folder_of,
    make_table,
    reading_version,
)
from assets.raw.landed import Landed, NewFile, Taken, look, modified
from assets.raw.origins import notes
from assets.raw.places import places
from assets.raw.plain import days_in_doubt, plain_file, repeats_a_row
from assets.raw.quarantine import Reason, retract
from assets.raw.raw_tables import held_by_file, rows_of, settle
from assets.raw.surface import surface
from assets.raw.versions import Overruling, Version, brought_up_to_date
from assets.raw.weekly_tables import check_weekly_table
from assets.resources.landing import Landing
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

_HALF_A_DECIMAL, _HALF_A_CENT = Decimal("0.0000005"), Decimal("0.005")


@dataclass
class Loaded:
    """A raw table after a load.

    Attributes:
        entries: its files as the ledger has them.
        version: hash of the rows that count.
        overruled: what later exports left out of earlier ones.
        lost: files whose rows or amount in the warehouse are not those that were read from them.
        quarantined: what lies in quarantine, by file and reason.
        not_kept: by copy in `.retired/` whose rows past weeks cannot have again, why.
    """

    landed: Landed
    entries: Mapping[str, ledger.Entry]
    version: str
    overruled: Sequence[Overruling] = ()
    lost: Sequence[str] = ()
    quarantined: Sequence[Reason] = ()
    not_kept: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Load:
    """A load of some tables: what was listed, and each table after it.

    Attributes:
        not_ended: loaded files, of any table, whose last row may be cut off.
    """

    listing: Listing
    tables: list[Loaded] = field(default_factory=list)
    not_ended: list[str] = field(default_factory=list)
    version: str = ""

    @property
    def refused(self) -> list[str]:
        return [str(refusal) for table in self.tables for refusal in table.landed.refused]


def load(contracts: Sequence[Contract], landing: Landing, warehouse: Warehouse) -> Load:
    """Load what is new for some tables, retract what is gone, and note it in the ledger and for the sensor."""
    done = Load(scan(Path(landing.folder)))
    with warehouse.connect() as connection:
        ledger.make(connection)
        quarantine.make(connection)
        gone.make(connection)
        retired.make(connection)
        for contract in contracts:
            done.tables.append(_load_table(connection, contract, done.listing, Path(landing.folder)))
        _make_the_rest(connection, contracts)
        connection.begin()
        unread = [ledger.Entry(name, "", ledger.NOT_READ, why) for name, why in done.listing.not_read.items()]
        ledger.write(connection, "", unread)
        done.version, done.not_ended = ledger.version(connection), ledger.not_ended(connection)
        connection.commit()
    versions = {contract.name: reading_version(contract) for contract in contracts}
    manifest.record(Path(warehouse.path), done.listing, versions)
    return done


def _make_the_rest(connection: "duckdb.DuckDBPyConnection", loaded: Sequence[Contract]) -> None:
    """Make the tables of which nothing has landed yet: the marts read all of them, whichever were asked for here."""
    for contract in ALL_CONTRACTS.values():
        if contract not in loaded:
            with contextlib.suppress(InputError):  # one of other types says so when it is loaded itself
                make_table(connection, contract)


def _load_table(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, listing: Listing, landing: Path
) -> Loaded:
    note = notes.read(landing / landing_folder_of(contract))
    make_table(connection, contract)
    landed = look(connection, contract, listing)
    stays = set(landed.order) - {new.file.name for new in landed.new}
    ordered = sorted(landed.order, key=lambda name: landed.order[name])
    place = places(ordered, {name: part.order for name, part in landed.held.items() if name in stays})
    now = dt.datetime.now(dt.UTC)
    connection.begin()
    for name in landed.retracted:
        retract(connection, contract, name)
    moved = settle(connection, contract, landed.held, place)
    for new in landed.new:
        try:
            landed.taken.append(_take(connection, contract, new, place[new.file.name], now))
        except FileRefused as refusal:
            landed.refused.append(refusal)
    changed = {*moved, *landed.retracted, *(taken.file.name for taken in landed.taken)}
    if not landed.takes_changes:
        connection.rollback()
        connection.begin()
        changed = set()
    else:
        gone.read_records(connection, contract, landing)
    if changed:
        quarantine.find_replacements(connection, contract)
    version = brought_up_to_date(connection, contract, changed)
    entries = {name: _with_overruled(entry, version) for name, entry in landed.entries().items()}
    not_kept = _retired(connection, contract, landing, landed, entries, now)
    loaded = Loaded(
        landed,
        entries,
        version.hash,
        version.overruled,
        _lost(connection, landed, entries, changed),
        quarantine.reasons(connection, contract),
        not_kept,
    )
    ledger.write(
        connection, contract.name, [*entries.values(), *_kept_out(landed), *_not_fetched(landed, note)]
    )
    connection.commit()
    return loaded


def _take(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, new: NewFile, place: int, now: dt.datetime
) -> Taken:
    """Read a file into the raw table, in place of the rows it left before.

    Raises:
        FileRefused: it does not keep the contract, or changed while it was read.
    """
    return _take_plain(connection, contract, new, place, now) or _take_with_care(
        connection, contract, new, place, now
    )


def _retired(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    landing: Path,
    landed: Landed,
    entries: Mapping[str, ledger.Entry],
    now: dt.datetime,
) -> dict[str, str]:
    """Read what files held before a fetch took rows out of them, as landing files are read; by copy, why not."""
    if contract is WEEKLY_TABLES or not landed.takes_changes:
        return {}

    def take(table: Contract, file: LandingFile) -> str:
        seen = surface(file)
        digest = f"{seen.hash}-{reading_version(contract)}"
        _take(connection, table, NewFile(file, seen, digest), 0, now)
        return digest

    found = retired.copies(landing, contract, landed.files)
    digests = {name: entry.digest for name, entry in entries.items()}
    return retired.bring_up_to_date(connection, contract, found, digests, take)


def _signature(new: NewFile) -> list[int]:
    try:
        status = new.file.path.stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size]


def _changed(new: NewFile) -> FileRefused:
    return FileRefused(new.file.name, ["changed while it was read: the next load reads it again"])


def _take_plain(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, new: NewFile, place: int, now: dt.datetime
) -> Taken | None:
    """Let DuckDB read a plain file; None, and no row of it, where the careful reader must."""
    if contract is WEEKLY_TABLES:
        return None
    with connection.cursor() as beside:  # an error in the transaction would end it
        plain = plain_file(beside, new.file, contract, new.surface)
    if plain is None:
        return None
    retract(connection, contract, new.file.name)
    insert_plain(connection, contract, plain, new.file.name, new.digest, place, now)
    if _signature(new) != new.file.signature:
        raise _changed(new)
    rows = rows_of(contract, new.file.name, place)
    if repeats_a_row(connection, contract, rows, plain.row_count) or days_in_doubt(
        connection, contract, rows
    ):
        retract(connection, contract, new.file.name)
        return None
    return Taken(
        new.file, new.digest, plain.row_count, plain.amount, plain.extra_columns, ended=new.surface.ended
    )


def _take_with_care(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, new: NewFile, place: int, now: dt.datetime
) -> Taken:
    """Read a file by every rule there is, or refuse it with its faults named."""
    try:
        content, content_hash = read_bytes(new.file)
        if content_hash != new.surface.hash:
            raise _changed(new)
        if contract is WEEKLY_TABLES:
            accepted = check_weekly_table(new.file, content, new.digest)
        else:
            accepted = check(new.file, contract, content, new.digest)
    except FileRefused:
        raise
    except Exception as error:  # whatever a file brings about is that file's refusal alone
        raise FileRefused(new.file.name, [f"could not be read: {type(error).__name__}: {error}"]) from error
    retract(connection, contract, new.file.name)
    insert_accepted(connection, contract, accepted, place, now)
    quarantine.insert(connection, contract, accepted, now)
    amount = total(accepted.rows, contract.amount) if contract.amount else None
    taken = Taken(
        new.file, new.digest, len(accepted.rows), amount, accepted.extra_columns, accepted.hashed,
        ended=new.surface.ended, remarks=accepted.remarks,
    )  # fmt: skip
    if accepted.set_aside is None:
        return taken
    aside = accepted.set_aside
    return dataclasses.replace(taken, quarantined_rows=len(aside.rows), quarantined_amount=aside.amount)


def _with_overruled(entry: ledger.Entry, version: Version) -> ledger.Entry:
    ours = [line for line in version.overruled if line.file == entry.file]
    amount = sum(line.amount for line in ours) if entry.amount is not None else None
    return dataclasses.replace(entry, overruled_rows=sum(line.rows for line in ours), overruled_amount=amount)


def _lost(
    connection: "duckdb.DuckDBPyConnection",
    landed: Landed,
    entries: Mapping[str, ledger.Entry],
    changed: set[str],
) -> list[str]:
    """Files whose rows in the warehouse are not those that were read from them."""
    held = {name: part for name, part in landed.held.items() if name not in changed}
    held |= held_by_file(connection, landed.contract, changed)
    aside, lines = quarantine.held(connection, landed.contract), []
    for name in sorted({*entries, *held, *aside}):
        entry, part = entries.get(name), held.get(name)
        rows, amount = (part.rows, part.amount) if part else (0, 0)
        read_rows, read_amount = (entry.row_count or 0, entry.amount or 0) if entry else (0, 0)
        if rows != read_rows or _differ(amount, read_amount, rows):
            lines.append(
                f"{name}: {_were(read_rows, read_amount)} read, the warehouse holds {rows:,} with "
                f"{amount:,.2f}"
            )
        rows, amount = aside.get(name, (0, 0))
        read_rows, read_amount = (
            (entry.quarantined_rows or 0, entry.quarantined_amount or 0) if entry else (0, 0)
        )
        if rows != read_rows or _differ(amount, read_amount, rows):
            lines.append(
                f"{name}: {_were(read_rows, read_amount)} set aside, the quarantine holds {rows:,} "
                f"with {amount:,.2f}"
            )
    return lines


def _were(rows: int, amount: Decimal | int) -> str:
    return f"{plural(rows, 'row')} with {amount:,.2f} {'was' if rows == 1 else 'were'}"


def _differ(amount: Decimal | int, read: Decimal | int, rows: int) -> bool:
    """Whether two sums of as many rows differ by more than the six decimals to which the warehouse adds them up."""
    return abs(amount - read) > Decimal(abs(read)) / 10**9 + min(rows * _HALF_A_DECIMAL, _HALF_A_CENT)


def _kept_out(landed: Landed) -> list[ledger.Entry]:
    """Entries of the files that are not loaded: refused ones, and good ones of a table that stays as it was."""
    files, table = {file.name: file for file in landed.files}, landed.contract.name
    entries = []
    if landed.waiting:
        why = f"{landed.refused[0].name} was refused, and until that is mended the table stays as it was"
        entries = [ledger.Entry(name, table, ledger.WAITING, why) for name in landed.waiting]
    for refusal in landed.refused:
        file = files.get(refusal.name)
        exported = modified(file) if file else None
        entries.append(
            ledger.Entry(refusal.name, table, ledger.REFUSED, " ".join(refusal.faults), exported_at=exported)
        )
    return entries


def _not_fetched(landed: Landed, note: notes.Note | None) -> list[ledger.Entry]:
    """The entry of a table whose last fetch failed: its files are there, and rows of later days may not be."""
    if note is None or not note.fault:
        return []
    contract = landed.contract
    return [ledger.Entry(contract.folder, contract.name, ledger.NOT_FETCHED, note.words)]
