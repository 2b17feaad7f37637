"""What a failed dbt test found: dbt counts rows, a person needs to see them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

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
            found = connection.execute(f"select * from ({sql}) limit {SHOWN}").fetch_df()
    except duckdb.Error:
        return result
    rows = [_markdown_row(found.columns), "|" + "---|" * found.shape[1]]
    rows += [_markdown_row(row) for row in found.itertuples(index=False)]
    first = ", ".join(f"{name} {value}" for name, value in found.iloc[0].items()) if len(found) else ""
    return result._replace(
        description=f"first failing row: {first}" if first else result.description,
        metadata={**result.metadata, "failing_rows": dg.MetadataValue.md("\n".join(rows))},
    )


def _markdown_row(cells: Any) -> str:
    return "| " + " | ".join(str(cell).removesuffix(" 00:00:00") for cell in cells) + " |"
