"""What a failed dbt test found: dbt counts rows, a person needs to see them, and to read what the test is for.

What it is for, and the remedy, is the comment that the SQL of the test begins with.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from assets.marts.column_lineage import DIALECT
from assets.raw.personal import without_addresses
from assets.resources.warehouse import Warehouse

SHOWN = 20


def with_failing_rows(
    result: dg.AssetCheckResult, tests: Mapping[str, str], warehouse: Warehouse
) -> dg.AssetCheckResult:
    """The check's result with the first rows its test returned; a test that broke has none."""
    import duckdb

    unique_id = result.metadata.get("unique_id")
    sql = tests.get(str(unique_id.value)) if unique_id else None
    if result.passed or not sql:
        return result
    try:
        with warehouse.connect(read_only=True) as connection:
            found = connection.execute(f"{_ordered(sql)} limit {SHOWN}").fetch_df()
    except duckdb.Error:
        return result
    rows = [_markdown_row(found.columns), "|" + "---|" * found.shape[1]]
    rows += [_markdown_row(row) for row in found.itertuples(index=False)]
    first = ", ".join(f"{name} {_cell(value)}" for name, value in found.iloc[0].items()) if len(found) else ""
    others = len(found) - 1
    more = f", and {others}{' or more' if len(found) == SHOWN else ''} like it" if others > 0 else ""
    found_words = [f"first failing row: {first}{more}", *filter(None, [_purpose(sql)])]
    return result._replace(
        description="; ".join(found_words) if first else result.description,
        metadata={**result.metadata, "failing_rows": dg.MetadataValue.md("\n".join(rows))},
    )


def found_by_failed(results: Iterable[dg.AssetCheckResult]) -> list[str]:
    """A line a test that stopped the build and whose rows are known: its name and its first row."""
    lines = [
        f"{result.check_name}: {result.description}"
        for result in results
        if not result.passed
        and result.severity is dg.AssetCheckSeverity.ERROR
        and "failing_rows" in result.metadata
    ]
    return list(dict.fromkeys(lines))


def _ordered(sql: str) -> str:
    """The rows of a test in its own order, or by all columns: else the engine decides which is shown as the first."""
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError

    try:
        has_order = parse_one(sql, dialect=DIALECT).args.get("order") is not None
    except SqlglotError:
        has_order = False
    return f"select * from ({sql})" if has_order else f"select * from ({sql}) order by all"


def _purpose(sql: str) -> str:
    """The comment that a test begins with; "" where it has none, as those of dbt's own have."""
    words = []
    for line in map(str.strip, sql.strip().splitlines()):
        if not line.startswith("--"):
            break
        words.append(line.lstrip("- "))
    return " ".join(words)


def _cell(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "unknown"
    written = f"{value:.12g}" if isinstance(value, float) and abs(value) < 1e12 else str(value)
    return without_addresses(written.removesuffix(" 00:00:00"))


def _markdown_row(cells: Any) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"
