"""Bringing the schema `results` in line with what is stored, so that it can be lost with the warehouse.

What promoted vintages have published, and the review of every vintage, comes back from the files of
`assets.resources.result_store`; rows of a time before those files are kept there first. So do selections and lift
evidence (`assets.publish.findings`). A model whose YAML is gone has left: its rows leave the warehouse and come back
with the YAML.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg

from assets.models import Vintage, model_names
from assets.publish.findings import write_findings
from assets.publish.moves import write_moves
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.results import ASSET_OF_TABLE, RESULT_TABLES
from assets.resources.versions import Damaged
from assets.resources.warehouse import Warehouse

REVIEW = "model_review"
NO_ROWS = ("", 0)
"""What is recorded, and held, of a table that came out empty."""
Held = dict[Vintage, dict[str, tuple[str, int]]]
"""What the warehouse holds of each vintage: table -> its posterior version and rows."""


@dataclass
class Restored:
    """What was done to the schema `results`, in words a table of the UI can show."""

    restored: list[str] = field(default_factory=list)
    findings: list[str] = field(
        default_factory=list
    )  # vintages with a selection or evidence new to the warehouse
    kept: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


def restored_results(
    context: dg.AssetExecutionContext, warehouse: Warehouse, results: ResultStore
) -> Iterator[dg.AssetObservation]:
    """`restore_results`, said in the log and observed of `published_results` where there was anything to do."""
    done = restore_results(warehouse, results)
    if done:
        facts = {name: ", ".join(found) for name, found in vars(done).items() if found}
        context.log.info("; ".join(f"{name}: {text}" for name, text in facts.items()))
        yield dg.AssetObservation("published_results", metadata=facts)


def restore_results(warehouse: Warehouse, results: ResultStore) -> Restored:
    """Make the warehouse hold what every vintage of the models there are has published, and its review."""
    warehouse.prepare()
    done, models = Restored(), set(model_names())
    held = _held(warehouse)
    for vintage in held:
        if _keep(warehouse, results, vintage, set(held[vintage])):
            done.kept.append(_name(vintage))
    for vintage in _stored(results):
        if vintage.model in models and _restore(warehouse, results, vintage, held.get(vintage, {})):
            done.restored.append(_name(vintage))
    write_moves(warehouse, results, models)
    done.findings = [_name(vintage) for vintage in write_findings(warehouse, results, models)]
    done.left = sorted(_models(warehouse) - models)
    _remove(warehouse, done.left)
    return done


def _held(warehouse: Warehouse) -> Held:
    found: Held = {}
    with warehouse.connect(read_only=True) as connection:
        for table in ASSET_OF_TABLE:
            rows = connection.execute(
                "select model, cast(as_of_week as varchar), max(posterior_version), count(*) "
                f"from results.{table} group by all order by all"
            )
            for model, week, posterior, count in rows.fetchall():
                found.setdefault(Vintage(model, week), {})[table] = (posterior, count)
    return found


def _keep(warehouse: Warehouse, results: ResultStore, vintage: Vintage, tables: set[str]) -> bool:
    """Keep rows that only the warehouse has; whether there were any."""
    missing = set()
    if REVIEW in tables and not _has_review(results, vintage):
        missing.add(REVIEW)
    if tables != {REVIEW} and not _has_published(results, vintage):
        missing |= tables
    if not missing:
        return False
    with warehouse.connect(read_only=True) as connection:
        frames = {
            table: connection.execute(
                f"select * exclude (model, as_of_week) from results.{table} where model = ? and as_of_week = ?",
                [vintage.model, vintage.week],
            ).df()
            for table in sorted(missing)
        }
    if REVIEW in frames:
        versions = results.versions(REVIEW)
        versions.point(vintage, results.keep(REVIEW, vintage, frames[REVIEW]))
    if missing != {REVIEW}:
        results.record_publication(vintage, frames)
    return True


def _has_review(results: ResultStore, vintage: Vintage) -> bool:
    versions = results.versions(REVIEW)
    try:
        versions.checked(vintage, versions.current(vintage))
    except (Damaged, FileNotFoundError):
        return False
    return True


def _has_published(results: ResultStore, vintage: Vintage) -> bool:
    try:
        for table, stored in results.record(vintage).items():
            results.versions(ASSET_OF_TABLE[table]).checked(vintage, stored["version"])
    except (Damaged, FileNotFoundError):
        return False
    return True


def _stored(results: ResultStore) -> list[Vintage]:
    found = {*results.publications.vintages(), *results.versions(REVIEW).vintages()}
    return sorted(found, key=lambda vintage: (vintage.model, vintage.as_of_week))


def _restore(
    warehouse: Warehouse, results: ResultStore, vintage: Vintage, held: dict[str, tuple[str, int]]
) -> bool:
    """Write what the warehouse lacks of a vintage; whether it lacked anything."""
    tables = {}
    try:
        for table, stored in _record(results, vintage).items():
            if table != REVIEW and held.get(table, NO_ROWS) != (stored["posterior_version"], stored["rows"]):
                tables[table] = results.stored(ASSET_OF_TABLE[table], vintage, stored["version"])
        if REVIEW not in held:
            tables[REVIEW] = results.stored(REVIEW, vintage)
    except (Damaged, FileNotFoundError) as missing:
        say(f"{_name(vintage)} stays out of the warehouse: {missing}")
        return False
    if tables:
        warehouse.replace_results(tables, vintage.model, vintage.as_of_week)
    return bool(tables)


def _record(results: ResultStore, vintage: Vintage) -> dict[str, dict[str, str]]:
    try:
        return results.record(vintage)
    except FileNotFoundError:
        return {}  # it has been reviewed and not promoted


def _models(warehouse: Warehouse) -> set[str]:
    """Models that any table of the schema holds."""
    tables = " union ".join(f"select model from results.{table}" for table in RESULT_TABLES)
    with warehouse.connect(read_only=True) as connection:
        return {model for (model,) in connection.execute(tables).fetchall()}


def _remove(warehouse: Warehouse, models: list[str]) -> None:
    if not models:
        return
    with warehouse.connect() as connection:
        connection.begin()
        for table in RESULT_TABLES:
            connection.execute(f"delete from results.{table} where list_contains(?, model)", [models])
        connection.commit()


def _name(vintage: Vintage) -> str:
    return f"{vintage.model} as of {vintage.as_of_week}"
