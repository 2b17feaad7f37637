"""An asset a table that is fetched: its rows where they are, copied into the landing folder before anything is loaded.

A warehouse that is away stops nothing. The check fails, its owners hear of it, and raw tables keep the rows they had.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import dagster as dg

from assets.raw.contracts import CONTRACTS
from assets.raw.origins.notes import WAS_FETCHED
from assets.raw.origins.origin import Origin, TableOrigin
from assets.raw.sources import sources
from assets.resources.landing import Landing
from mmm_core.plural import plural

GROUP = "origins"

HOW: Mapping[str, str] = {
    "partition": "its last days are compared with what has landed, and rows that are new or changed land",
    "cursor": "rows from the last `{}` on land",
    "whole": "it is read whole, and rows that are new or changed land",
    "object": "objects that are new or have changed land",
}


def origin_key(table: str) -> dg.AssetKey:
    """Key of the asset that fetches a raw table."""
    return dg.AssetKey([GROUP, table])


def spec_of(origin: Origin, table: TableOrigin) -> dg.AssetSpec:
    """A fetched table as an asset."""
    how = HOW[table.incremental].format(table.cursor)
    return dg.AssetSpec(
        origin_key(table.contract.name),
        group_name=GROUP,
        description=(
            f"{table.contract.about}.\n\nFetched from `{table.place}` ({origin.kind}, address in {origin.connection}) "
            f"into landing/{table.contract.folder}/: {how}. Columns that the contract does not name are not asked for."
        ),
        kinds={origin.kind},
        tags={"source": origin.source},
        metadata={"place": table.place, "incremental": table.incremental},
    )


def fetching(origin: Origin) -> dg.AssetsDefinition:
    """The assets of a source that is fetched."""
    specs = {spec_of(origin, table).key: (spec_of(origin, table), table) for table in origin.tables.values()}
    checks = [
        dg.AssetCheckSpec(
            WAS_FETCHED,
            asset=key,
            description="The last fetch went well. Where not, the table keeps the rows that had landed.",
        )
        for key in specs
    ]

    @dg.multi_asset(
        name=f"fetch_{origin.source}",
        specs=[spec for spec, _ in specs.values()],
        check_specs=checks,
        can_subset=True,
    )
    def fetch_source(context: dg.AssetExecutionContext, landing: Landing) -> Iterator[dg.MaterializeResult]:
        for key, (_, table) in specs.items():
            if key in context.selected_asset_keys:
                yield _fetched(context, origin, table, landing)

    return fetch_source


def _fetched(
    context: dg.AssetExecutionContext, origin: Origin, table: TableOrigin, landing: Landing
) -> dg.MaterializeResult:
    from assets.raw.origins.fetch import fetch

    done = fetch(origin, table, Path(landing.folder))
    name, left, note = table.contract.name, done.landing, done.note
    words = (
        f"{name}: {note.words}"
        if note.fault
        else plural(left.rows, "row that is", "rows that are") + " new or changed"
    )
    if note.fault:
        context.log.warning(words)
    if left.retired:
        context.log.warning(
            f"{name}: {plural(left.retired, 'row is', 'rows are')} no longer in {table.place} and not counted any more"
        )
    return dg.MaterializeResult(
        asset_key=origin_key(name),
        metadata={
            "rows_landed": left.rows,
            "files_landed": left.files,
            "rows_retired": left.retired,
            "asked_at": note.asked_at,
            "fetched_at": note.fetched_at or "never",
        },
        data_version=dg.DataVersion(_version(Path(landing.folder) / table.contract.folder)),
        check_results=[
            dg.AssetCheckResult(
                asset_key=origin_key(name),
                check_name=WAS_FETCHED,
                passed=not note.fault,
                description=words,
                metadata={"fetched_at": note.fetched_at or "never", "asked_at": note.asked_at},
            )
        ],
    )


def _version(folder: Path) -> str:
    """Hash of which files lie in a table's landing folder; another one when something has landed."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    lines = sorted(
        f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _with_settings(origin: Origin) -> Origin:
    """An origin whose contracts know what becomes of bad rows: those to be set aside keep no file from landing."""
    tables = {
        name: replace(table, contract=CONTRACTS[table.contract.name]) for name, table in origin.tables.items()
    }
    return replace(origin, tables=tables)


ORIGINS = [_with_settings(source.fetched) for source in sources().used.values() if source.fetched]

FETCHED: Mapping[str, tuple[Origin, TableOrigin]] = {
    table.contract.name: (origin, table) for origin in ORIGINS for table in origin.tables.values()
}
"""By name of the raw table, where it is fetched from."""

FETCHES = [fetching(origin) for origin in ORIGINS]
