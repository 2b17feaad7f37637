"""Running a suite of Great Expectations on a raw table: every row that counts, a batch at a time.

Great Expectations reads data frames, and has no engine for DuckDB. So the columns that a suite names are handed over in
batches of `ROWS`, which bounds the memory whatever the size of the table, and what each batch says is added up. Nothing
is sampled. The rows that count are those that no later export holds. What met everything is not asked twice
(`assets.raw.asked_before`): the work of a load grows with what came, not with what is there.
"""

import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from assets.raw.asked_before import before, groups, note
from assets.raw.contract import Contract
from assets.raw.expectations import SEVERITIES, Suite

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

ROWS = 500_000
SHOWN = 5
_PLACE = "place"  # of an expectation in its suite: results come back with those first that could not be asked


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
    """What becomes of each expectation of a raw table; of a table without rows nothing is asked.

    Args:
        today: `$PARAMETER: tomorrow` in a suite is the day after it, where it may be today already.
    """
    stands = before(connection, suite)
    if not stands.files:
        return _all_stand(suite, stands.asked) if any(stands.asked) else ()
    if faulty := _not_askable(suite):
        return faulty
    ask = _asking(suite, today)
    results, examples = None, [[] for _ in suite.expectations]  # type: ignore[var-annotated]
    asked = stands.asked
    for files in groups(stands.files, ROWS):
        of_group = None
        for rows in _batches(connection, suite, [file.name for file in files]):
            found = ask(rows)
            for shown, each in zip(examples, found.results, strict=True):
                shown += _examples(each.result, rows)[: SHOWN - len(shown)]
            of_group = _added(of_group, found) if of_group else found
        if of_group is None or all(_is_met(each) for each in of_group.results):
            counts = (
                [_asked(each) for each in of_group.results] if of_group else [0] * len(suite.expectations)
            )
            note(connection, suite, files, counts)
            asked = [one + more for one, more in zip(asked, counts, strict=True)]
        else:
            results = _added(results, of_group) if results else of_group
    if results is None:
        return _all_stand(suite, asked) if any(asked) else ()
    return tuple(
        _outcome(expectation, result, shown, met)
        for expectation, result, shown, met in zip(
            suite.expectations, results.results, examples, asked, strict=True
        )
    )


def _all_stand(suite: Suite, asked: Sequence[int]) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(each["description"], each["type"], each.get("severity", SEVERITIES[0]), True, rows)
        for each, rows in zip(suite.expectations, asked, strict=True)
    )


def _not_askable(suite: Suite) -> tuple[Outcome, ...]:
    """Expectations whose arguments Great Expectations does not take: nothing is asked while there is one."""
    _great_expectations()
    from great_expectations.compatibility import pydantic
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    found = []
    for number, each in enumerate(suite.expectations, start=1):
        try:
            ExpectationConfiguration(**each).to_domain_obj()
        except pydantic.ValidationError as error:
            where = f"{suite.place}: expectation {number}"
            found.append(
                Outcome(
                    each["description"],
                    each["type"],
                    each.get("severity", SEVERITIES[0]),
                    False,
                    error=f"{where}: {'; '.join(_reasons(error, each['kwargs']))}",
                )
            )
    return tuple(found)


def _reasons(error: Any, kwargs: dict[str, Any]) -> list[str]:
    """What is wrong with each argument, in words; the first of what is said of one."""
    found: dict[str, str] = {}
    for each in error.errors():
        name = str(each["loc"][0])
        given = f"{name}: {kwargs[name]!r}: " if name in kwargs else ""
        found.setdefault(name, f"{given}{each['msg']}")
    return list(found.values())


def _asking(suite: Suite, today: dt.date) -> "Callable[[pd.DataFrame], Any]":
    """What asks a batch of rows."""
    whole = _whole_frames()
    from great_expectations.core.expectation_suite import ExpectationSuite

    expected = ExpectationSuite(
        name=suite.contract.name,
        expectations=[{**each, "meta": {_PLACE: place}} for place, each in enumerate(suite.expectations)],
    )
    parameters = {"tomorrow": dt.datetime.combine(today, dt.time()) + dt.timedelta(days=1)}

    def ask(rows: "pd.DataFrame") -> Any:
        batch = whole.get_batch(batch_parameters={"dataframe": rows})
        found = batch.validate(expected, expectation_parameters=parameters, result_format="SUMMARY")
        found.results.sort(key=lambda result: result.expectation_config.meta[_PLACE])
        _let_go(batch, rows)
        return found

    return ask


def _let_go(batch: Any, rows: "pd.DataFrame") -> None:
    """The engine that all batches share would keep the rows of the last one for as long as the process lives."""
    engine = batch.data.execution_engine
    engine.load_batch_data(batch.id, rows.head(0))
    engine.batch_manager.reset_batch_cache()


@cache
def _whole_frames() -> Any:
    """What takes any data frame as a batch: of no table, so that it is made once, and not again for each."""
    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("raw").add_dataframe_asset("rows that count")
    return asset.add_batch_definition_whole_dataframe("all of them")


def _great_expectations() -> Any:
    """The library, which is told before it is imported that nobody is told of its use."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def _batches(
    connection: "duckdb.DuckDBPyConnection", suite: Suite, files: list[str]
) -> "Iterator[pd.DataFrame]":
    """The rows of some files that count, the columns that the suite names."""
    contract = suite.contract
    columns = ", ".join(f'"{name}"' for name in suite.columns)
    of_files = f"select * from raw.{contract.name} where _file in (select unnest($files))"
    overruled = connection.execute(
        "select 1 from raw.landing_overruled where source_table = $table and file in (select unnest($files)) limit 1",
        {"table": contract.name, "files": files},
    ).fetchone()
    if overruled:
        grain = ", ".join(f'"{name}"' for name in contract.grain)
        of_files = (
            f"select * from (select * from raw.{contract.name} where {_beside(contract)} qualify "
            f"row_number() over (partition by {grain} order by _export_order desc, _row desc) = 1) "
            "where _file in (select unnest($files))"
        )
    rows = connection.execute(f"select {columns}, _file, _row from ({of_files})", {"files": files})
    for batch in rows.to_arrow_reader(ROWS):
        if batch.num_rows:
            yield batch.to_pandas(date_as_object=False)


def _beside(contract: Contract) -> str:
    """A bound on the rows that may hold what the rows of some files hold: DuckDB leaves the others unread."""
    period = contract.period
    if period is None or period.start not in contract.grain:
        return "true"
    bounds = (
        f'(select {bound}("{period.start}") from raw.{contract.name} where _file in (select unnest($files)))'
        for bound in ("min", "max")
    )
    return f'"{period.start}" between ' + " and ".join(bounds)


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
    import numpy as np

    if isinstance(value, np.datetime64):  # of a pair of days
        value = value.astype("datetime64[D]").item()
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


def _asked(result: Any) -> int:
    """How many rows an expectation was asked of."""
    found = result.result or {}
    return int(found.get("element_count", 0) - (found.get("missing_count", 0) or 0))


def _is_met(result: Any) -> bool:
    """Whether it was met by every row, whatever share it lets pass."""
    return bool(result.success and result.result and not result.result.get("unexpected_count"))


def _outcome(expectation: dict[str, Any], result: Any, examples: list[str], met_before: int) -> Outcome:
    found = result.result or {}
    rows, unexpected = _asked(result) + met_before, found.get("unexpected_count", 0)
    mostly = expectation["kwargs"].get("mostly", 1)
    return Outcome(
        expectation["description"],
        expectation["type"],
        expectation.get("severity", SEVERITIES[0]),
        bool(found) and unexpected <= (1 - mostly + 1e-12) * rows,
        rows,
        unexpected,
        tuple(examples),
        "" if found else _error(result.exception_info),
    )


def _error(info: Any) -> str:
    """The message of whatever kept an expectation from being asked."""
    for value in info.values() if isinstance(info, dict) else ():
        if isinstance(value, dict) and (message := _error(value)):
            return message
    return str(info.get("exception_message") or "") if isinstance(info, dict) else str(info)
