"""Reading the mart a model's YAML names, as one wide table of weeks."""

from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError, listed, nearest

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec

WEEKLY_TABLES = "weekly_tables/"
WEEKLY_MART = "fct_weekly_tables"

WEEKLY_VALUES, LEDGER, LEFT_OUT_COLUMN = "weekly_tables__values", "landing_files", "kept_out"

LEFT_OUT = (
    "the file has it, as text or days, and a landed weekly table keeps numbers alone: write numbers (1 where it holds, "
    "0 elsewhere), name events by their dates (`baseline: {events: ...}`), and in place of a `filter` land only the "
    "rows it keeps"
)

NULL_SPEND = (
    "In a mart spend is null in weeks without rows of a source, unless sources.yaml says of it that these are 0 "
    "(`silence: zero`, see docs/connectors.md, weeks without rows), and where an exchange rate is missing."
)

NEVER_KNOWN = (
    "A variable of which no week is known has no column. A channel's level is unknown in each week in which one of its "
    "channels is: marts.fct_media_weekly says which (`delivery`)."
)

NULL_REACH = (
    "In a mart the reach of a week is known where one row of the exports holds all of its channel: the check "
    "reach_by_week_is_known of intermediate/int_media_reach names the channels and weeks that lost theirs, and why "
    "(see docs/connectors.md, reach and frequency)."
)


def read_mart(warehouse: Warehouse, spec: "ModelSpec", vintage: Vintage) -> "pd.DataFrame":
    """The rows of the model's mart up to the as-of week, and the columns and rows its YAML asks for.

    Raises:
        InputError: no such mart, weekly table, column or filter value, with the nearest one there is; a first week
            after the as-of week; or no marts at all.
    """
    table = _every_week(warehouse, spec)
    begun = _begun(table, spec, vintage)
    if not begun.any():
        raise InputError(
            f"{_source(spec)}: no week up to {vintage.as_of_week}, the first is "
            f"{table[spec.time.column].min():%Y-%m-%d}: choose a later as-of week, or land the weeks that came before"
        )
    table = table[begun]
    keys = [spec.time.column] + ([spec.geo.column] if spec.geo else [])
    return table[list(spec.columns)].sort_values(keys).reset_index(drop=True)


def _left_out(warehouse: Warehouse, spec: "ModelSpec") -> set[str]:
    """Columns of the model's weekly file that its landing left out."""
    if _is_of_marts(spec):
        return set()
    with warehouse.connect(read_only=True) as connection:
        there = connection.execute(
            "select column_name from information_schema.columns where table_schema = 'raw' and table_name = ?",
            [LEDGER],
        ).fetchall()
        if (LEFT_OUT_COLUMN,) not in there:
            return set()
        rows = connection.execute(
            f"select distinct unnest({LEFT_OUT_COLUMN}) from raw.{LEDGER} where file in "
            f"(select _file from raw.{WEEKLY_VALUES} where table_name = ?)",
            [spec.table.removeprefix(WEEKLY_TABLES)],
        ).fetchall()
    return {name for (name,) in rows}


def has_later_weeks(warehouse: Warehouse, spec: "ModelSpec", vintage: Vintage) -> bool:
    """Whether the model's mart holds weeks after the as-of week, so that the vintage is one of the past.

    Raises:
        InputError: as `read_mart`, but for a first week after the as-of week.
    """
    return not _begun(_every_week(warehouse, spec), spec, vintage).all()


def _source(spec: "ModelSpec") -> str:
    return f"{mart_name(spec)} (for model {spec.model})"


def _every_week(warehouse: Warehouse, spec: "ModelSpec") -> "pd.DataFrame":
    """The rows of the model's mart that its YAML asks for, whatever their week."""
    from mmm_core.data.table import matching

    if spec.table.startswith(WEEKLY_TABLES):
        table = _weekly_table(warehouse, spec)
    else:
        table = _mart(warehouse, spec)
    missing = [column for column in spec.columns if column not in table.columns]
    if missing:
        faults = "; ".join(f"'{column}': {nearest(column, map(str, table.columns))}" for column in missing)
        why = f"\n{NULL_REACH}" if set(missing) & _reaches(spec) else ""
        if words := sorted(set(missing) & _left_out(warehouse, spec)):
            why += f"\n{listed(words)}: {LEFT_OUT}"
        if not spec.table.startswith(WEEKLY_TABLES):
            why += f"\n{NEVER_KNOWN}"
        raise InputError(f"{_source(spec)}: columns that the model's YAML names are not there: {faults}{why}")
    for column, value in spec.filter.items():
        table = matching(table, column, value, _source(spec))
    return table.assign(**{spec.time.column: table[spec.time.column].astype("datetime64[ns]")})


def _begun(table: "pd.DataFrame", spec: "ModelSpec", vintage: Vintage) -> "np.ndarray":
    """Whether each row's week had begun by the as-of Monday."""
    import pandas as pd

    from mmm_core.data.weeks import first_days

    return first_days(pd.DatetimeIndex(table[spec.time.column]), spec) <= vintage.as_of_week


def built_marts(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Names of the marts that the warehouse holds."""
    rows = connection.execute("select table_name from information_schema.tables where table_schema = 'marts'")
    return [name for (name,) in rows.fetchall()]


def mart_name(spec: "ModelSpec") -> str:
    if spec.table.startswith(WEEKLY_TABLES):
        return f"table {spec.table.removeprefix(WEEKLY_TABLES)} of mart marts.{WEEKLY_MART}"
    return f"mart marts.{spec.table}"


def checked_table(table: "pd.DataFrame", spec: "ModelSpec") -> "pd.DataFrame":
    """The table as the fit reads it.

    Raises:
        InputError: as `mmm_core.data.table.check_table`; where spend or reach of a mart is null, with why that may be.
    """
    from mmm_core.data.contract import MISSING
    from mmm_core.data.table import check_table

    try:
        return check_table(table, spec, source=mart_name(spec))
    except InputError as error:
        spend = [getattr(channel, "spend", channel.media_column) for channel in spec.channel_specs]
        null = [
            words
            for words, columns in ((NULL_SPEND, spend), (NULL_REACH, _reaches(spec)))
            if any(f"column {column}: {MISSING}" in str(error) for column in columns)
        ]
        if null and _is_of_marts(spec):
            raise InputError("\n".join([str(error), *null])) from None
        raise


def _is_of_marts(spec: "ModelSpec") -> bool:
    return not spec.table.startswith(WEEKLY_TABLES)


def _reaches(spec: "ModelSpec") -> set[str]:
    """The columns of reach and frequency that a model takes from the marts."""
    if not _is_of_marts(spec):
        return set()
    named = [
        getattr(channel, kind, None) for channel in spec.channel_specs for kind in ("reach", "frequency")
    ]
    return {column for column in named if column}


def _mart(warehouse: Warehouse, spec: "ModelSpec") -> "pd.DataFrame":
    with warehouse.connect(read_only=True) as connection:
        marts = built_marts(connection)
        if spec.table not in marts:
            raise InputError(
                f"model {spec.model}: `table: {spec.table}` is no mart: {nearest(spec.table, marts)} "
                f"(a weekly file of one's own is {WEEKLY_TABLES}<name>)"
            )
        return connection.execute(f'select * from marts."{spec.table}"').df()


def _weekly_table(warehouse: Warehouse, spec: "ModelSpec") -> "pd.DataFrame":
    name = spec.table.removeprefix(WEEKLY_TABLES)
    with warehouse.connect(read_only=True) as connection:
        if WEEKLY_MART not in built_marts(connection):
            raise InputError(
                f"model {spec.model}: mart marts.{WEEKLY_MART} has not been built: run make refresh"
            )
        tables = connection.execute(f"select distinct table_name from marts.{WEEKLY_MART}").fetchall()
        if name not in {known for (known,) in tables}:
            raise InputError(
                f"model {spec.model}: `table: {spec.table}`: no such weekly table: "
                f"{nearest(name, [known for (known,) in tables])} (land it as landing/weekly_tables/{name}.csv)"
            )
        long = connection.execute(
            f"select week_start, geo, column_name, value from marts.{WEEKLY_MART} where table_name = ?",
            [name],
        ).df()
    long["geo"] = long["geo"].fillna("all")
    twice = long[long.duplicated(["week_start", "geo", "column_name"])]
    if len(twice):
        raise InputError(f"weekly table {name}: more than one row for {twice['week_start'].iloc[0]:%Y-%m-%d}")
    wide = long.pivot(index=["week_start", "geo"], columns="column_name", values="value").reset_index()
    wide.columns.name = None
    names = {"week_start": spec.time.column} | ({"geo": spec.geo.column} if spec.geo else {})
    return wide.rename(columns=names)
