"""Running a suite of Great Expectations on a raw table: every row that counts, a batch at a time.

Great Expectations reads data frames, and has no engine for DuckDB. So the columns that a suite names are handed over in
batches of `ROWS`, which bounds the memory whatever the size of the table, and what each batch says is added up. Nothing
is sampled. The rows that count are those that no later export holds.
"""

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.raw.expectations import Suite

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

ROWS = 500_000
SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    Attributes:
        rows, unexpected: rows that it was asked of, and those that do not meet it; blank cells are not asked.
        examples: a few of them: the file, the row in it and the value.
        error: why it could not be asked; "" where it could.
    """

    description: str
    kind: str
    severity: str
    met: bool
    rows: int = 0
    unexpected: int = 0
    examples: tuple[str, ...] = ()
    error: str = ""


def validate(connection: "duckdb.DuckDBPyConnection", suite: Suite, today: dt.date) -> tuple[Outcome, ...]:
    """Run a suite on a raw table: what became of each expectation; of a table without rows nothing was asked.

    Args:
        today: `$PARAMETER: tomorrow` in a suite is the day after it, where it may be today already.
    """
    great_expectations = _great_expectations()
    from great_expectations.core.expectation_suite import ExpectationSuite

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("raw").add_dataframe_asset(suite.contract.name)
    whole = asset.add_batch_definition_whole_dataframe("rows that count")
    expected = ExpectationSuite(
        name=suite.contract.name, expectations=[dict(each) for each in suite.expectations]
    )
    parameters = {"tomorrow": dt.datetime.combine(today, dt.time()) + dt.timedelta(days=1)}
    results, examples = None, [[] for _ in suite.expectations]  # type: ignore[var-annotated]
    for rows in _batches(connection, suite):
        batch = whole.get_batch(batch_parameters={"dataframe": rows})
        found = batch.validate(expected, expectation_parameters=parameters, result_format="SUMMARY")
        for shown, each in zip(examples, found.results, strict=True):
            shown += _examples(each.result, rows)[: SHOWN - len(shown)]
        results = _added(results, found) if results else found
    if results is None:
        return ()
    return tuple(
        _outcome(expectation, result, shown)
        for expectation, result, shown in zip(suite.expectations, results.results, examples, strict=True)
    )


def _great_expectations() -> Any:
    """The library, which is told before it is imported that nobody is told of its use."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def _batches(connection: "duckdb.DuckDBPyConnection", suite: Suite) -> "Iterator[pd.DataFrame]":
    contract = suite.contract
    columns = ", ".join(f'"{name}"' for name in suite.columns)
    grain = ", ".join(f'"{name}"' for name in contract.grain)
    overruled = connection.execute(
        "select 1 from raw.landing_overruled where source_table = ? limit 1", [contract.name]
    ).fetchone()
    latest = f"row_number() over (partition by {grain} order by _export_order desc, _row desc) = 1"
    counts = f" qualify {latest}" if overruled else ""
    rows = connection.execute(f"select {columns}, _file, _row from raw.{contract.name}{counts}")
    for batch in rows.to_arrow_reader(ROWS):
        if batch.num_rows:
            yield batch.to_pandas(date_as_object=False)


def _examples(result: dict[str, Any], rows: "pd.DataFrame") -> list[str]:
    positions = result.get("partial_unexpected_index_list") or []
    values = result.get("partial_unexpected_list") or []
    return [
        f"{rows['_file'].iloc[position]} row {rows['_row'].iloc[position]}: {_written(value)}"
        for position, value in list(zip(positions, values, strict=False))[:SHOWN]
    ]


def _written(value: Any) -> str:
    from assets.raw.personal import without_addresses

    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return " and ".join(map(_written, value))
    return without_addresses(f"{value:%Y-%m-%d}" if hasattr(value, "strftime") else f"{value}")


_COUNTS = ("element_count", "unexpected_count", "missing_count")


def _added(one: Any, other: Any) -> Any:
    """What two batches say together."""
    for first, second in zip(one.results, other.results, strict=True):
        if not second.result or not first.result:  # one of them could not be asked
            first.result = first.result and second.result
            first.exception_info = second.exception_info if not second.result else first.exception_info
            first.success = False
            continue
        for count in _COUNTS:
            if count in first.result or count in second.result:
                first.result[count] = first.result.get(count, 0) + second.result.get(count, 0)
        asked = first.result["element_count"] - first.result.get("missing_count", 0)
        unexpected = first.result["unexpected_count"]
        share = unexpected / asked if asked else 0.0
        first.success = share <= 1 - first.expectation_config.kwargs.get("mostly", 1) + 1e-12
    return one


def _outcome(expectation: dict[str, Any], result: Any, examples: list[str]) -> Outcome:
    severity = expectation.get("severity", "critical")
    found = result.result or {}
    missing = found.get("missing_count", 0) or 0
    return Outcome(
        expectation["description"],
        expectation["type"],
        severity,
        bool(result.success),
        found.get("element_count", 0) - missing,
        found.get("unexpected_count", 0),
        tuple(examples),
        "" if found else _error(result.exception_info),
    )


def _error(info: Any) -> str:
    """The message of whatever kept an expectation from being asked."""
    for value in info.values() if isinstance(info, dict) else ():
        if isinstance(value, dict) and (message := _error(value)):
            return message
    return str(info.get("exception_message") or "") if isinstance(info, dict) else str(info)
