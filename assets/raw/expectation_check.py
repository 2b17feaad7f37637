"""What is told of the expectations of a raw table: its check, with a link to the page."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.raw.contract import Contract
from assets.raw.expectation_pages import address, folder, outcomes
from assets.raw.expectations import suite_of
from mmm_core.errors import listed
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

    from assets.raw.load import Loaded
    from assets.raw.validation import Outcome

NAME = "meets_expectations"


def specs(key: dg.AssetKey, contract: Contract) -> list[dg.AssetCheckSpec]:
    """The check of a table whose connector has expectations of it."""
    suite = suite_of(contract)
    if suite is None:
        return []
    said = " ".join(each["description"] for each in suite.expectations)
    description = (
        f"Great Expectations, on every row that counts: {said} A failed critical one stops the marts."
    )
    return [dg.AssetCheckSpec(NAME, asset=key, blocking=True, description=description)]


def results(
    connection: "duckdb.DuckDBPyConnection", warehouse: Path, key: dg.AssetKey, table: "Loaded"
) -> list[dg.AssetCheckResult]:
    """What the check says after a load."""
    suite = suite_of(table.landed.contract)
    if suite is None:
        return []
    found = outcomes(connection, warehouse, suite, table.version)
    failed = [outcome for outcome in found if not outcome.met]
    critical = any(outcome.severity == "critical" for outcome in failed)
    page = folder(warehouse) / f"{table.landed.contract.name}.html"
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=NAME,
            passed=not any(outcome.severity != "info" for outcome in failed),
            severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
            description="; ".join(map(_in_words, failed)) or _all_met(found),
            metadata={
                "expectations": dg.MetadataValue.md(_table(found)),
                "page": dg.MetadataValue.url(address(table.landed.contract.name)),  # while `make docs` runs
                "page_file": dg.MetadataValue.path(str(page.resolve())),
            },
        )
    ]


def _all_met(found: "tuple[Outcome, ...]") -> str:
    return (
        f"{plural(len(found), 'expectation is', 'expectations are')} met"
        if found
        else "the table has no rows"
    )


def _in_words(outcome: "Outcome") -> str:
    if outcome.error:
        return f"{outcome.description} could not be asked: {outcome.error}"
    verb = "does" if outcome.unexpected == 1 else "do"
    rows = f"{outcome.unexpected:,} of {plural(outcome.rows, 'row')} {verb} not"
    return f"{outcome.description} {rows}: {listed(outcome.examples, 3)}"


def _table(found: "tuple[Outcome, ...]") -> str:
    head = "| expectation | severity | met | rows | that do not |\n|---|---|---|---|---|"
    rows = [
        f"| {each.description} | {each.severity} | {'yes' if each.met else 'no'} | {each.rows:,} "
        f"| {each.unexpected:,} |"
        for each in found
    ]
    return "\n".join([head, *rows])
