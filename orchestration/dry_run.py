"""DRY=1: what `make ingest` or `make refresh` would load and build, and why. It changes nothing on disk.

Dagster's history is not opened and the dbt project not parsed, as both write beside what they read.
"""

import warnings
from collections.abc import Generator, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.brief import LEFT_OUT, why_whole
from assets.marts.made_by import is_made_otherwise
from assets.marts.project import fingerprint
from assets.models import Vintage, load_model
from assets.raw.folder import Listing
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.origins.assets import FETCHED
from assets.raw.would_load import TableNews, would_load
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError, listed
from mmm_core.plural import plural
from orchestration import environments as env
from orchestration import resources
from orchestration.jobs import JOB_OF_ASSET, JOB_OF_GROUP
from orchestration.last_week import check_all_reached, last_vintage, too_few_for_a_forecast
from orchestration.refresh import weeks_of

if TYPE_CHECKING:
    from assets.resources.stores import EvidenceStore, PosteriorStore, VintageStore

SHOWN = 10  # files of a table
ANOTHER = "sources.yaml or the dbt project"


def dry_run(model: str, as_of: str | None, weeks: int, whole: bool = False) -> Iterator[str]:
    """The lines that say what `refresh` with the same arguments would do.

    Raises:
        InputError: the marts as they are do not hold the weeks that were asked for, and no new file may bring them.
        WarehouseLocked: another process writes the warehouse.
    """
    changed = yield from dry_ingest()
    yield from _model(resources.warehouse(), model, as_of, weeks, whole, [*changed, *FETCHED])
    yield "report: the reporting marts and the published copy, which follow every refresh."


def dry_ingest() -> Generator[str, None, list[str]]:
    """The lines that say what `ingest` would do; returns the tables that would change, and what else did.

    Raises:
        WarehouseLocked: another process writes the warehouse.
    """
    warehouse = resources.warehouse()
    listing, tables = would_load(list(ALL_CONTRACTS.values()), env.paths().landing, warehouse)
    yield "Dry run: nothing is fetched, loaded, built or written."
    yield from _loads(listing, tables)
    changed = [table.contract.name for table in tables if table.changes]
    otherwise = Path(warehouse.path).is_file() and is_made_otherwise(warehouse, fingerprint())
    yield from _marts(changed, otherwise)
    return [*changed, *([ANOTHER] if otherwise else [])]


def _loads(listing: Listing, tables: Sequence[TableNews]) -> Iterator[str]:
    if FETCHED:
        yield f"fetched first, and not asked now: {listed(FETCHED, SHOWN)}; what is new there comes on top of this."
    news = [table for table in tables if table.files or table.gone or table.refused]
    rows = sum(table.rows for table in news if table.changes)
    into = sum(table.changes for table in news)
    yield f"would be loaded: {plural(rows, 'row')} into {plural(into, 'table')}" + (":" if news else ".")
    for table in news:
        yield from _table(table)
    same = sum(table.unchanged for table in tables)
    as_before = plural(same, "file is as it was loaded, and is", "files are as they were loaded, and are")
    yield f"  {as_before} not opened."
    for name, why in list(listing.not_read.items())[:SHOWN]:
        yield f"  not read: {name}: {why}"
    if len(listing.not_read) > SHOWN:
        yield f"  not read: and {plural(len(listing.not_read) - SHOWN, 'more file')}"


def _table(table: TableNews) -> Iterator[str]:
    name = table.contract.name
    if table.stays:
        waiting = plural(len(table.files), "good file")
        yield f"  {name}: stays as it is, as a file would be refused; {waiting} would wait"
    else:
        yield f"  {name}: {plural(table.rows, 'row')}"
    for file in table.files[:SHOWN]:
        was = (
            "new"
            if file.had is None
            else f"changed, {plural(file.had, 'row is', 'rows are')} loaded of it now"
        )
        aside = f", {file.aside:,} set aside in quarantine" if file.aside else ""
        without = f", without {listed(file.left_out, SHOWN)} (no numbers)" if file.left_out else ""
        yield f"    {file.name}: {plural(file.rows, 'row')}, {was}{aside}{without}"
    if len(table.files) > SHOWN:
        yield f"    and {plural(len(table.files) - SHOWN, 'more file')}"
    for gone, rows in table.gone.items():
        yield f"    {gone}: is gone, its {plural(rows, 'row')} would be taken away"
    for refusal in table.refused:
        yield from (
            f"    {line}" for line in str(refusal).replace("was refused", "would be refused").splitlines()
        )


def _marts(changed: Sequence[str], otherwise: bool) -> Iterator[str]:
    why = f"rows of {listed(changed, SHOWN)} differ" if changed else "no row that has landed differs"
    yield f"ingest: all staging models and marts are built, as a refresh builds them whatever differs: {why}."
    if otherwise:
        yield f"  {ANOTHER} changed since the marts were made: every week is worked out anew, and may change."


def _model(
    warehouse: Warehouse, model: str, as_of: str | None, weeks: int, whole: bool, changed: Sequence[str]
) -> Iterator[str]:
    try:
        last = Vintage(model, as_of) if as_of else last_vintage(warehouse, model)
        found = weeks_of(last, weeks, whole)
        check_all_reached(warehouse, [week.vintage for week in found])
    except InputError as error:
        if not changed:
            raise
        yield f"refresh_model: of which weeks is known once the marts are built. As they are: {error}"
        return
    names = _assets()
    if not as_of:
        later = ", or a later week that the new rows bring" if _rows(changed) else ""
        yield f"refresh_model: as of {last.as_of_week}, the last week of the marts as they are{later}."
    yield f"  {plural(len(names), 'asset')} each: {', '.join(names)}"
    if brief := [week.vintage.as_of_week for week in found if week.job == "refresh_past_week"]:
        yield f"  of {listed(brief, SHOWN)} all but {', '.join(LEFT_OUT)}, and no pictures; WHOLE=1 makes them too"
    elif weeks > 1 and not whole:
        yield f"  of the weeks before the last too, as {why_whole(load_model(model).budget.horizon)}"
    for week in found:
        yield f"  {week.vintage.key}: {_fit(week.vintage, changed)}"
    if hint := too_few_for_a_forecast(weeks):
        yield f"  {hint}"


def _assets() -> list[str]:
    """The assets of the job `refresh_model`, found as the code location finds them, but without dbt's."""
    groups = [group for group, job in JOB_OF_GROUP.items() if job == "refresh_model"]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".* is currently in preview"
        )  # a line for each of its checks
        found = [
            asset
            for group in groups
            for asset in dg.load_assets_from_package_module(import_module(f"assets.{group}"))
            if isinstance(asset, dg.AssetsDefinition)
        ]
    named = [key.to_user_string() for asset in found for key in asset.keys]
    return [*named, *(name for name, job in JOB_OF_ASSET.items() if job == "refresh_model")]


def _rows(changed: Sequence[str]) -> list[str]:
    """The tables of what changed."""
    return [name for name in changed if name != ANOTHER]


def _fit(vintage: Vintage, changed: Sequence[str]) -> str:
    """Whether a posterior would be fitted, and why."""
    from mmm_core.evidence.stored import read_evidence
    from mmm_core.inference.version import posterior_version

    stores = resources.build()
    tables: VintageStore = stores["vintages"]
    evidence: EvidenceStore = stores["evidence"]
    posteriors: PosteriorStore = stores["posteriors"]
    table, tests = tables.versions.named(vintage), evidence.versions.named(vintage)
    held = posteriors.versions.named(vintage)
    if table is None or tests is None:
        return "fitted, as it was never made"
    spec = load_model(vintage.model)
    version = posterior_version(table, spec, read_evidence(evidence.path(vintage, tests)))
    if not posteriors.path(vintage, version).is_file():
        was = (
            f"posterior {held} is of another table, YAML, seed, lift tests or source"
            if held
            else "no posterior is there"
        )
        return f"fitted, as {was}"
    if changed:
        what = "the new rows change" if _rows(changed) else f"what changed in {ANOTHER} changes"
        return f"fitted if {what} its table: posterior {version} is of the table as it was frozen"
    return f"not fitted, as posterior {version} is there; what is behind it is worked out again"
