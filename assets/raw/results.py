"""What a load tells: the materialization of each raw table, its checks, and the files that nobody reads."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import chain

import dagster as dg

from assets.raw import expectation_check, filled_in, ledger, quarantine_check
from assets.raw.contract import Contract
from assets.raw.contracts import WEEKLY_TABLES
from assets.raw.figures import amount_column, amount_name, figure
from assets.raw.folder import Listing
from assets.raw.landed import modified
from assets.raw.load import Load, Loaded
from assets.raw.versions import Overruling
from mmm_core.errors import listed
from mmm_core.plural import plural

KEEPS_CONTRACT, HOLDS_FILES, EXPORTS_AGREE = "keeps_contract", "holds_what_landed", "exports_agree"
ALL_READ, ALL_ENDED = "every_file_is_read", "every_file_has_its_end"
SHOWN = 10  # files that nobody reads, in the log
DISAGREEING = 3  # exports of a table that restate earlier ones, in the log: the last of them


def check_specs(key: dg.AssetKey, contract: Contract) -> list[dg.AssetCheckSpec]:
    """The checks of a raw table."""
    specs = [
        dg.AssetCheckSpec(
            KEEPS_CONTRACT,
            asset=key,
            description=(
                "Every new file has the columns, types, currencies, bounds and days its contract asks for. Where not, "
                "the table keeps the rows it had: good files that came with the refused one wait until it is mended or "
                "taken away, and what is downstream is built from the rows that are there."
            ),
        ),
        dg.AssetCheckSpec(
            HOLDS_FILES,
            asset=key,
            blocking=True,
            description="The table holds as many rows of every file, and the same amount, as were read from it.",
        ),
        dg.AssetCheckSpec(
            EXPORTS_AGREE,
            asset=key,
            description="Two files that hold the same rows have the same figures in them. Where not, the later counts.",
        ),
    ]
    return [
        *specs,
        *quarantine_check.specs(key, contract),
        *filled_in.specs(key, contract),
        *expectation_check.specs(key, contract),
    ]


def ledger_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of the ledger."""
    return [
        dg.AssetCheckSpec(
            ALL_READ,
            asset=key,
            description="No file of the landing folder is passed over: each belongs to a table.",
        ),
        dg.AssetCheckSpec(
            ALL_ENDED,
            asset=key,
            description=(
                "The last row of every loaded file ends with a line end, so that no figure of it is cut off. Where "
                "not, and other files of its table have one, or there is no other, the file may be half written: it is "
                "loaded, and read again when it grows."
            ),
        ),
    ]


def of_table(
    key: dg.AssetKey, table: Loaded, expected: Sequence[dg.AssetCheckResult] = ()
) -> dg.MaterializeResult:
    """The materialization of a table with its checks; where it stays as it was, its data version does too.

    Args:
        expected: what the checks that ask its rows say.
    """
    return dg.MaterializeResult(
        asset_key=key,
        metadata=_metadata(table),
        data_version=dg.DataVersion(table.version),
        check_results=[
            _keeps_contract(key, table),
            _holds_files(key, table),
            _exports_agree(key, table),
            *quarantine_check.results(key, table),
            *expected,
        ],
    )


def of_ledger(key: dg.AssetKey, done: Load) -> dg.MaterializeResult:
    """The ledger, with the check that names what was not read."""
    found = done.listing.not_read
    lines = "".join(f"- **{name}**: {why}\n" for name, why in found.items())
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "not_read": dg.MetadataValue.md(lines or "none"),
            "files": sum(len(files) for files in done.listing.tables.values()),
        },
        data_version=dg.DataVersion(done.version),
        check_results=[
            dg.AssetCheckResult(
                asset_key=key,
                check_name=ALL_READ,
                passed=not found,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"not read: {listed(found, SHOWN)}" if found else "every file belongs to a table",
                metadata={"not_read": dg.MetadataValue.md(lines or "none")},
            ),
            _has_its_end(key, done.not_ended),
        ],
    )


def _has_its_end(key: dg.AssetKey, files: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ALL_ENDED,
        passed=not files,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"no line end after the last row: {listed(files, SHOWN)}: see whether its last figures are whole, "
        "and export or copy the file again, or end its last row with a line end"
        if files
        else "the last row of every loaded file ends with a line end",
    )


AHEAD = dt.timedelta(days=1)
"""How far a file's time of modification may lie ahead of this clock before it is told."""


def warnings(table: Loaded) -> Iterator[str]:
    """What the log says of a table."""
    if refused := table.landed.refused:
        yield "\n".join([*map(str, refused), f"  {_consequence(table)}"])
    if kept_out := list(dict.fromkeys(chain(*(taken.extra_columns for taken in table.landed.taken)))):
        yield f"{table.landed.contract.name}: {_kept_out_words(table.landed.contract, kept_out)}"
    for taken in table.landed.taken:
        yield from (f"{taken.file.name}: {remark}" for remark in taken.remarks)
        moment = modified(taken.file)
        if moment > dt.datetime.now(dt.UTC).replace(tzinfo=None) + AHEAD:
            yield (
                f"{taken.file.name}: was modified on {moment:%Y-%m-%d}, by its own word: until then it counts over "
                "every later export of its rows: touch it, if that is not meant"
            )
    if hashed := _hashed(table):
        yield f"{table.landed.contract.name}: e-mail addresses in texts, a hash stands in their place: {hashed}"
    if table.quarantined:
        yield f"{table.landed.contract.name}: {quarantine_check.in_words(table)}"
    if table.landed.takes_changes and table.landed.retracted:
        gone = ", ".join(table.landed.retracted)
        yield f"{table.landed.contract.name}: retracted, as they are no longer there: {gone}"
    for copy, why in table.not_kept.items():
        yield f"{copy}: past weeks cannot have the rows again that were deleted from this file: {why}"
    new = {taken.file.name for taken in table.landed.taken}  # others were told of when they landed
    lines = [
        _disagreement(line, table.landed.contract)
        for line in table.overruled
        if line.differing and not new.isdisjoint((line.file, line.later_file))
    ]
    yield from lines[-DISAGREEING:]
    if (more := len(lines) - DISAGREEING) > 0:
        files = plural(more, "more file restates earlier ones", "more files restate earlier ones")
        yield f"{table.landed.contract.name}: {files}: its check {EXPORTS_AGREE} names all"


def _kept_out_words(contract: Contract, columns: Sequence[str]) -> str:
    """Which columns are kept out, and why."""
    if contract is WEEKLY_TABLES:
        told = plural(len(columns), "column holds words or days and no numbers, and is left out",
                      "columns hold words or days and no numbers, and are left out")  # fmt: skip
    else:
        told = plural(len(columns), "column is kept out, as the contract does not name it",
                      "columns are kept out, as the contract does not name them")  # fmt: skip
    return f"{told}: {listed(columns, SHOWN)}"


def not_read(listing: Listing) -> Iterator[str]:
    """What the log says of the files that nobody reads."""
    if found := listing.not_read:
        lines = [f"  {name}: {why}" for name, why in list(found.items())[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(
                f"  and {len(found) - SHOWN} more: the check {ALL_READ} of raw/{ledger.TABLE} names them"
            )
        yield "\n".join(["not read:", *lines])


def _keeps_contract(key: dg.AssetKey, table: Loaded) -> dg.AssetCheckResult:
    landed = table.landed
    if not landed.refused:
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=KEEPS_CONTRACT,
            passed=True,
            description=f"{len(landed.taken)} new or changed of {plural(len(landed.files), 'file')}"
            if landed.files
            else "no file has landed",
            metadata={"files": len(landed.files), "new_or_changed": len(landed.taken)},
        )
    faults = [
        f"**{refusal.name}**\n" + "".join(f"- {f}\n" for f in refusal.faults) for refusal in landed.refused
    ]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=KEEPS_CONTRACT,
        passed=False,
        description=f"refused: {', '.join(refusal.name for refusal in landed.refused)}; {_consequence(table)}",
        metadata={"faults": dg.MetadataValue.md("\n".join(faults))},
    )


def _consequence(table: Loaded) -> str:
    """What a refusal leaves the table with."""
    name, rows = table.landed.contract.name, sum(entry.row_count or 0 for entry in table.entries.values())
    if table.landed.takes_changes:
        return f"every other file of {name} is loaded"
    held = f"{name} keeps the {plural(rows, 'row')} it had" if rows else f"{name} has no rows yet"
    waits = []
    if new := table.landed.waiting:
        files = plural(len(new), "other new or changed file")
        waits.append(
            f"the {files} of this table {'was' if len(new) == 1 else 'were'} not loaded either: {listed(new)}"
        )
    if gone := table.landed.retracted:
        waits.append(f"the rows of files that are no longer there stay: {listed(gone)}")
    remedy = ["mend what was refused, or move it out of the folder, and the rest follows"] if waits else []
    return "; ".join([held, *waits, *remedy])


def _holds_files(key: dg.AssetKey, table: Loaded) -> dg.AssetCheckResult:
    held = [entry for entry in table.entries.values() if entry.status == ledger.LOADED]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=HOLDS_FILES,
        passed=not table.lost,
        description="; ".join(table.lost)
        or f"{plural(sum(entry.row_count or 0 for entry in held), 'row')} of {plural(len(held), 'file')}",
    )


def _exports_agree(key: dg.AssetKey, table: Loaded) -> dg.AssetCheckResult:
    differing = [line for line in table.overruled if line.differing]
    shared = sum(line.rows for line in table.overruled)
    contract = table.landed.contract
    rows = "".join(
        f"| {line.file} | {line.later_file} | {line.rows:,} | {line.differing:,} | {figure(line.amount, contract)} | "
        f"{figure(line.later_amount, contract)} |\n"
        for line in table.overruled
    )
    amount = amount_name(contract) or "amount"
    head = (
        "| file | the next file with its rows, which counts over it | rows in both | that differ | "
        f"{amount} | {amount} in the later |\n"
    )
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=EXPORTS_AGREE,
        passed=not differing,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(_disagreement(line, contract) for line in differing[-DISAGREEING:])
        + (f" and {more} more" if (more := max(len(differing) - DISAGREEING, 0)) else "")
        or (
            f"{plural(shared, 'row is', 'rows are')} in two files, with the same figures"
            if shared
            else "no row is in two files"
        ),
        metadata={
            "files": dg.MetadataValue.md(f"{head}|---|---|---|---|---|---|\n{rows}" if rows else "none")
        },
    )


def _disagreement(line: Overruling, contract: Contract) -> str:
    words = (
        f"{line.later_file} counts over {line.file}: {line.differing:,} of {plural(line.rows, 'row')} in both "
        f"{'differs' if line.differing == 1 else 'differ'}"
    )
    if not contract.amount:
        return words
    before, after = figure(line.amount, contract), figure(line.later_amount, contract)
    difference = figure(line.later_amount - line.amount, contract, sign="+")
    about = amount_column(contract).about
    # of an amount in millionths the unit is that of what is divided
    unit = f" ({about[0].lower()}{about[1:]})" if contract.per_unit == 1 else ""
    return f"{words}; their {amount_name(contract)}{unit} was {before} and is {after} ({difference})"


def _kept_out(table: Loaded) -> str:
    return "; ".join(
        f"{taken.file.name}: {', '.join(taken.extra_columns)}"
        for taken in table.landed.taken
        if taken.extra_columns
    )


def _hashed(table: Loaded) -> str:
    return "; ".join(
        f"{taken.file.name}: {', '.join(map(_counted, taken.hashed.items()))}"
        for taken in table.landed.taken
        if taken.hashed
    )


def _counted(hashed: tuple[str, int]) -> str:
    """A column with its cells that were hashed."""
    return f"{hashed[0]} ({plural(hashed[1], 'cell')})"


def _metadata(table: Loaded) -> dict[str, object]:
    landed = table.landed
    taken = landed.taken if landed.takes_changes else []
    retracted = landed.retracted if landed.takes_changes else []
    fresh = {file.file.name for file in taken}
    changed = fresh & set(landed.loaded)
    lines = [
        f"| {name} | {entry.row_count:,} | {_day_and_time(entry)} | "
        f"{'changed' if name in changed else 'added' if name in fresh else 'unchanged'} |"
        for name, entry in sorted(table.entries.items(), key=lambda item: item[1].export_order or 0)
    ]
    lines += [f"| {name} | | | retracted |" for name in retracted]
    metadata: dict[str, object] = {
        **quarantine_check.metadata(table),
        "dagster/row_count": sum(entry.row_count or 0 for entry in table.entries.values()),
        "rows_loaded": sum(file.row_count for file in taken),
        "files": dg.MetadataValue.md(
            "\n".join(["| file | rows | exported (UTC) | |", "|---|---|---|---|", *lines])
            if lines
            else "none"
        ),
        "files_added": len(fresh - changed),
        "files_changed": len(changed),
        "files_retracted": len(retracted),
    }
    if kept_out := _kept_out(table):
        metadata["columns_kept_out"] = dg.MetadataValue.text(kept_out)
    if remarks := [f"{file.file.name}: {remark}" for file in landed.taken for remark in file.remarks]:
        metadata["remarks"] = dg.MetadataValue.text("\n".join(remarks))
    if cells := sum(entry.hashed_cells or 0 for entry in table.entries.values()):
        metadata["addresses_hashed"] = cells
    return metadata


def _day_and_time(entry: ledger.Entry) -> str:
    return f"{entry.exported_at:%Y-%m-%d %H:%M}" if entry.exported_at else ""
