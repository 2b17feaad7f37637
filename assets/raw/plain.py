"""The quick way in: files that leave no room for doubt are read, checked and cast by DuckDB, in bounded memory.

Two readers of one contract would be one too many if both decided what a cell means. They do not. `assets.raw.files`
does: it knows decimal commas, encodings, quotes, a spreadsheet's leftovers, refuses what it must and writes every
message. Here nothing is interpreted and nothing refused. A file is plain if it is text of one kind whose every cell is
written in the one way that needs no rule (2024-01-31, 12.5, a name of printable letters), keeps every bound of the
contract, and is whole; whatever is not as plain as that, were it right or wrong, goes to the other reader. So this
module may be too strict without any harm, and tests generate files, plain and not, and hold rows, types, numbers of
rows and sums of both readers against each other.

The SQL follows from the contract alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw.contract import SQL_TYPES, Column, Contract
from assets.raw.files import FileRefused, named
from assets.raw.folder import LandingFile
from assets.raw.surface import Surface

if TYPE_CHECKING:
    import duckdb

KINDS = ("text", "month", "zone", "integer", "number", "date", "moment", "flag")
"""The kinds of column that this reader knows; a table with another is read with care."""

_TRUE, _FALSE = "('true', 't', '1', 'yes')", "('false', 'f', '0', 'no')"
_DAYS = "between date '1678-01-01' and date '2261-12-31'"  # what nanoseconds hold, as pandas has them
_MISSING = "('', 'NA', 'NaN', 'nan', 'NULL', 'null', 'None')"  # mmm_core.data.cells.MISSING; a test holds them together
_EXACT = 2**53  # up to here every whole number is a double
_LONGEST_LINE = 100_000  # mmm_core.data.reader.MAX_CELL: with it no cell can be longer
_DECIMALS = "decimal(38, 22)"  # every digit of a double from 1e-5 on

_NO_CELL = "\x01"  # what no plain cell is: then none is read as null, and a blank one is ''
_WHOLE_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True)
class PlainFile:
    """A file that DuckDB may load.

    Attributes:
        rows: a query of its rows in the contract's types, and `_row`, in the order of the file.
        in_order: whether `_row` needs the file to be read from its beginning to its end, on one thread.
        amount: exact sum of the contract's amount; None where it has none.
        extra_columns: the columns of the file that are kept out.
    """

    rows: str
    in_order: bool
    row_count: int
    amount: Decimal | None
    extra_columns: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """A file as DuckDB reads it.

    Attributes:
        relation: what to select from.
        cells: the expression of each column by its name in the contract.
        kinds: the type of each in a Parquet file; "" of text.
        row: the expression of its number of the row.
        printable: no cell holds anything but letters, digits, signs and blanks of ASCII.
        signs: its cells may hold an address.
        unclear_points: its numbers may have decimal commas, and points for thousands.
    """

    relation: str
    cells: Mapping[str, str]
    kinds: Mapping[str, str]
    extra: tuple[str, ...]
    row: str
    parquet: bool = False
    printable: bool = False
    signs: bool = True
    unclear_points: bool = False


def plain_file(
    connection: "duckdb.DuckDBPyConnection", file: LandingFile, contract: Contract, surface: Surface
) -> PlainFile | None:
    """The file as DuckDB reads it; None where the careful reader must decide.

    Args:
        connection: any; only the file is read. An error leaves it usable: give one that is in no transaction.
    """
    import duckdb

    if not _promising(file, contract, surface):
        return None
    try:
        source = _parquet(connection, file, contract) if surface.parquet else _text(file, contract, surface)
        return _checked(connection, contract, surface, source) if source else None
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return None  # ragged rows, bytes that are no text, a file cut short: the careful reader says which


def _promising(file: LandingFile, contract: Contract, surface: Surface) -> bool:
    readable = (surface.parquet or surface.text) and not any(sign in str(file.path) for sign in "*?[")
    return (
        readable
        and any(column.required for column in contract.columns)
        and all(column.kind in KINDS for column in contract.columns)
    )


def _text(file: LandingFile, contract: Contract, surface: Surface) -> _Source | None:
    from mmm_core.data.reader import layout
    from mmm_core.inputs import UnreadableFile

    try:
        found = layout(surface.head, file.name, surface.whole, contract.names)
        columns = named(file, contract, found.names) if found else None
    except (UnreadableFile, FileRefused):
        return None
    if not found or not columns:
        return None
    positions = {
        name: f"c{position}" for position, name in enumerate(found.names)
    }  # a name that is read, once
    types = ", ".join(f"c{position}: 'VARCHAR'" for position in range(len(found.names)))
    options = {
        "columns": f"{{{types}}}", "delim": _quoted(found.separator), "quote": "'\"'", "escape": "'\"'",
        "nullstr": _quoted(_NO_CELL), "header": "true", "auto_detect": "false", "strict_mode": "true",
        "null_padding": "false", "hive_partitioning": "false", "max_line_size": str(_LONGEST_LINE),
        "encoding": "'utf-8'", "compression": "'gzip'" if surface.packed else "'none'",
    }  # fmt: skip
    given = ", ".join(f"{name} = {value}" for name, value in options.items())
    relation = f"read_csv({_quoted(str(file.path))}, {given})"
    cells = {name: positions[written] for name, written in columns.written.items()}
    trimmed = ", ".join(
        f"{_trimmed(cells[column.name])} as {cells[column.name]}"
        for column in contract.columns
        if column.name in cells and _is_text(column)
    )
    replaced = f" replace ({trimmed})" if trimmed else ""
    relation = f"(select *{replaced} from {relation})"
    return _Source(
        relation, cells, {}, columns.extra, "row_number() over () + 1",
        printable=surface.printable and (not surface.tabs or (found.separator == "\t" and not surface.quotes)),
        signs=surface.signs, unclear_points=found.separator != ",",
    )  # fmt: skip


def _parquet(
    connection: "duckdb.DuckDBPyConnection", file: LandingFile, contract: Contract
) -> _Source | None:
    from mmm_core.names import normal_name

    path = _quoted(str(file.path))
    described = connection.execute(f"select name, type, num_children from parquet_schema({path})").fetchall()
    names = [name for name, _, children in described[1:]]
    if any(children for *_, children in described[1:]) or len({name.lower() for name in names}) < len(names):
        return None
    if any(normal_name(name) != name or not name for name in names):
        return None
    relation = f"read_parquet({path}, file_row_number = true, hive_partitioning = false)"
    types = dict(
        row[:2] for row in connection.execute(f"describe select * from read_parquet({path})").fetchall()
    )
    try:
        columns = named(file, contract, names)
    except FileRefused:
        return None
    cells = {name: _identifier(written) for name, written in columns.written.items()}
    kinds = {name: types[written] for name, written in columns.written.items()}
    return _Source(relation, cells, kinds, columns.extra, "file_row_number + 1", parquet=True)


def _checked(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, surface: Surface, source: _Source
) -> PlainFile | None:
    """Ask in one pass whether every cell is plain, and what the file holds."""
    readings = {column.name: _reading(column, source) for column in contract.columns}
    if any(reading is None for reading in readings.values()):
        return None
    plain = " and ".join(f"({reading.plain})" for reading in readings.values() if reading)
    doubts = [
        _all_points_are_thousands(source.cells[name])
        for name in contract.numbers
        if source.unclear_points and name in source.cells
    ]
    values = {name: reading.value for name, reading in readings.items() if reading}
    row = connection.execute(
        f"select count(*), count(*) filter (not coalesce({plain}, false)), {_amount(contract, values)}, "
        f"{' or '.join(doubts) or 'false'} from {source.relation}"
    ).fetchone()
    count, odd, amount, doubtful = row or (0, 0, None, False)
    # A line that is no row is blank, or the second of a cell: then rows are not counted by lines.
    if not count or odd or doubtful or not (source.parquet or surface.lines == count + 1):
        return None
    selected = ", ".join(
        f"cast({values[column.name]} as {SQL_TYPES[column.kind]}) as {_identifier(column.name)}"
        for column in contract.columns
    )
    rows = f"select {selected}, {source.row} as _row from {source.relation}"
    total = Decimal(amount or 0) if contract.amount else None
    return PlainFile(rows, not source.parquet, count, total, source.extra)


def _is_text(column: Column) -> bool:
    return column.kind in ("text", "month", "zone")


def _trimmed(cell: str) -> str:
    return f"case when starts_with({cell}, ' ') or ends_with({cell}, ' ') then trim({cell}) else {cell} end"


@dataclass(frozen=True)
class _Reading:
    """Of one column: its value, null where the cell is blank, and whether a cell is plain."""

    value: str
    plain: str


def _reading(column: Column, source: _Source) -> _Reading | None:
    """How a column is read; None where its type in the file is not one that leaves no doubt."""
    cell = source.cells.get(column.name)
    if cell is None:  # a column that the file may lack
        return (
            None if column.required else _Reading(_quoted(column.blank) if column.blank else "null", "true")
        )
    kind = source.kinds.get(column.name, "VARCHAR")
    figures = column.kind in ("integer", "number")
    if kind == "DOUBLE" and figures:
        return _of_doubles(column, cell)
    decimals, day = (
        kind.startswith("DECIMAL") and figures,
        kind in ("DATE", "TIMESTAMP") and column.kind == "date",
    )
    if kind in _WHOLE_TYPES or decimals or day:
        cell = f"coalesce(cast({cell} as varchar), '')"
    elif kind != "VARCHAR":
        return None
    elif source.parquet:
        cell = f"coalesce({cell}, '')"
        cell = _trimmed(cell) if _is_text(column) else cell
    text = cell
    if column.kind == "integer":
        return _with_bounds(column, text, f"try_cast({text} as bigint)", _plain_integer(text))
    if column.kind == "number":
        return _with_bounds(column, text, f"try_cast({text} as double)", _plain_number(text))
    if column.kind == "date":
        return _with_blanks(column, text, f"try_cast(substr({text}, 1, 10) as date)", _plain_day(text))
    if column.kind == "moment":
        value = f"try_cast({text} as timestamp)"
        plain = f"cast({value} as varchar) = {text} and cast({value} as date) {_DAYS}"
        return _Reading(value, plain if column.required else f"{text} = '' or ({plain})")
    if column.kind == "flag":
        plain = f"lower({text}) in {_TRUE} or lower({text}) in {_FALSE}"
        value = f"case when {text} <> '' then lower({text}) in {_TRUE} end"
        return _Reading(value, plain if column.required else f"{text} = '' or {plain}")
    return _of_text(column, text, cell, source)


def _with_blanks(column: Column, text: str, value: str, plain: str) -> _Reading:
    """Cells that state nothing are plain where the contract asks for none."""
    if column.required:
        return _Reading(value, plain)
    stated = f"case when {text} in {_MISSING} then null else {value} end"  # DuckDB reads nan as a number
    return _Reading(stated, f"{text} in {_MISSING} or ({plain})")


def _with_bounds(column: Column, text: str, value: str, plain: str) -> _Reading:
    return _with_blanks(column, text, value, " and ".join([plain, *_bounds(column, value)]))


def _bounds(column: Column, value: str) -> list[str]:
    lower = [] if column.minimum is None else [f"{value} >= {column.minimum!r}"]
    return lower + ([] if column.maximum is None else [f"{value} <= {column.maximum!r}"])


def _of_doubles(column: Column, cell: str) -> _Reading:
    """A column of doubles in a Parquet file: their sum is exact where every digit has a place in a decimal."""
    finite = f"isfinite({cell})"
    if column.kind == "integer":
        plain = f"{finite} and {cell} = trunc({cell}) and abs({cell}) < {_EXACT}"
    else:
        plain = f"{finite} and ({cell} = 0 or abs({cell}) between 1e-5 and 1e12)"
    plain = " and ".join([plain, *_bounds(column, cell)])
    return _Reading(cell, plain if column.required else f"{cell} is null or ({plain})")


def _plain_integer(text: str) -> str:
    """As a program writes it; failing that digits, perhaps with a point and noughts."""
    value = f"try_cast({text} as bigint)"
    return (
        f"case when cast({value} as varchar) = {text} then {value} > -9223372036854775807 "
        f"else regexp_full_match({text}, '[+-]?[0-9]{{1,15}}(\\.0{{1,3}})?') and {value} is not null end"
    )


def _plain_number(text: str) -> str:
    """Digits with at most one point, few enough that a decimal of 22 places holds each."""
    rest = f"translate({text}, '0123456789', '')"
    value = f"try_cast({text} as double)"
    return (
        f"{rest} in ('', '.', '-', '-.') and strlen({text}) < 20 and "
        f"({value} = 0 or abs({value}) between 1e-5 and 1e12)"
    )


def _plain_day(text: str) -> str:
    day = f"try_cast(substr({text}, 1, 10) as date)"
    return (
        f"cast({day} as varchar) = substr({text}, 1, 10) and {day} {_DAYS} "
        f"and substr({text}, 11) in ('', ' 00:00:00', 'T00:00:00')"
    )


def _of_text(column: Column, text: str, cell: str, source: _Source) -> _Reading:
    letters = "" if source.printable else f"{_plain_letters(cell, ascii_only=bool(column.spelling))} and "
    if column.spelling == "id":
        value = _identifier_value(text)
        plain = f"{letters}not contains({text}, '  ') and {value} is not null"
    else:
        value = f"nullif({text}, '')"
        plain = f"{letters}{_no_address(column, text, source)}"
        if column.spelling:
            value = f"{column.spelling}({value})"
            plain = f"{plain} and not contains({text}, '  ')"
        if column.required:
            plain += f" and {text} <> ''"
    conditions = [plain]
    if column.kind == "month":
        conditions.append(f"regexp_full_match({text}, '[0-9]{{4}}-(0[1-9]|1[0-2])')")
    if column.kind == "zone":
        conditions.append(f"{text} in (select name from pg_timezone_names())")
    if column.allowed:
        conditions.append(_one_of(value, column.allowed))
    joined = " and ".join(conditions)
    if column.blank:
        value = f"coalesce({value}, {_quoted(column.blank)})"
    return _Reading(value, joined if column.required else f"{cell} = '' or ({joined})")


def _no_address(column: Column, text: str, source: _Source) -> str:
    """No sign of an address, of which a hash would be kept, or for which a code would be refused."""
    if not source.signs:
        return "true"
    sign = f"contains({text}, '@') or contains({text}, '%40')"
    return (
        f"not ({sign})" if column.spelling else f"not (({sign}) and regexp_matches({text}, '(@|%40).*[.]'))"
    )


def _one_of(value: str, allowed: Sequence[str]) -> str:
    if len(allowed) > 8 and all(name.isalnum() and name.isascii() for name in allowed):
        return f"regexp_full_match({value}, {_quoted('|'.join(allowed))})"  # one look, not one a name
    return f"{value} in ({', '.join(map(_quoted, allowed))})"


def _plain_letters(cell: str, ascii_only: bool) -> str:
    """Letters that `mmm_core.names.normal_name` leaves as they are: composed, no blank but the ordinary one."""
    ascii_text = f"(strlen({cell}) = length({cell}) and not regexp_matches({cell}, '[\\x00-\\x1f\\x7f]'))"
    if ascii_only:
        return ascii_text
    invisible = "\\x{200b}-\\x{200f}\\x{61c}\\x{2060}\\x{feff}"
    blanks = (
        "\\x00-\\x1f\\x7f-\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
    )
    composed = f"nfc_normalize({cell}) = {cell}"
    return f"({ascii_text} or ({composed} and not regexp_matches({cell}, '[{blanks}{invisible}]')))"


def _identifier_value(text: str) -> str:
    """A platform's number as `assets.raw.spelling.identifier` writes it, of the plain ways to write one; else null."""
    name = f"regexp_full_match({text}, '[A-Za-z][A-Za-z0-9_.:-]*') and not regexp_matches({text}, '^(?i)(act_|urn:)')"
    return (
        f"case when cast(try_cast({text} as ubigint) as varchar) = {text} then {text} "
        f"when regexp_full_match({text}, '-*[0-9][0-9-]*') then replace({text}, '-', '') "
        f"when regexp_full_match({text}, 'act_[0-9]+') then substr({text}, 5) "
        f"when regexp_full_match({text}, '[0-9]+\\.0+') then split_part({text}, '.', 1) "
        f"when {name} then lower({text}) end"
    )


def _all_points_are_thousands(cell: str) -> str:
    """Whether a column's points may all stand for thousands, where its file may have decimal commas."""
    pointed = f"contains({cell}, '.')"
    return (
        f"coalesce(bool_and(regexp_full_match({cell}, '[+-]?[1-9][0-9]{{0,2}}(\\.[0-9]{{3}})+')) "
        f"filter ({pointed}), false)"
    )


def _amount(contract: Contract, values: Mapping[str, str]) -> str:
    """The exact sum of the amount, as `assets.raw.files.total` takes it: of doubles, as they are written."""
    if not contract.amount:
        return "null"
    value = values[contract.amount]
    kind = next(column.kind for column in contract.columns if column.name == contract.amount)
    if kind == "integer":
        return f"sum(cast({value} as bigint))"
    return f"sum(cast(cast(cast({value} as double) as varchar) as {_DECIMALS}))"


def repeats_a_row(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, rows: str, row_count: int
) -> bool:
    """Whether rows share a grain.

    Args:
        rows: what follows `from`: typed rows of one file.
        row_count: how many there are. As many different hashes prove that no two are alike, in a tenth of the memory.
    """
    grain = ", ".join(map(_identifier, contract.grain))
    hashes = connection.execute(f"select count(distinct hash({grain})) from {rows}").fetchone()
    if hashes == (row_count,):
        return False
    found = connection.execute(
        f"select 1 from {rows} group by {grain} having count(*) > 1 limit 1"
    ).fetchone()
    return found is not None


def days_in_doubt(connection: "duckdb.DuckDBPyConnection", contract: Contract, rows: str) -> bool:
    """Whether the days that rows of one file cover may be at fault; see `assets.raw.periods`."""

    def found(question: str) -> bool:
        return connection.execute(f"select coalesce({question}, false) from {rows}").fetchone() != (False,)

    period = contract.period
    if period is None:
        return False
    if period.weekly:
        weekdays = f"isodow({period.start})"
        return found(f"count(distinct {weekdays}) > 1" if period.spread else f"bool_or({weekdays} <> 1)")
    if not period.stop:
        return False
    if found(f"bool_or({period.stop} < {period.start})"):
        return True
    if not period.spread or not found(f"bool_or({period.stop} <> {period.start})"):
        return False  # days alone overlap only where a row is repeated
    key = ", ".join(name for name in contract.grain if name != period.start)
    before = (
        f"select {period.start} as start, max({period.stop}) over (partition by {key} order by {period.start} "
        f"rows between unbounded preceding and 1 preceding) as before from {rows}"
    )
    overlapping = connection.execute(f"select 1 from ({before}) where start <= before limit 1").fetchone()
    return overlapping is not None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
