"""Rows of a database, in pieces, through SQLAlchemy: one way for every database that has a dialect.

The query names the columns it wants and orders rows by day or cursor, so that every piece that has landed is whole up
to its last day, and a fetch that was killed goes on from there. Values keep the digits they have.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from assets.raw.contract import Column
from assets.raw.origins import secret
from assets.raw.origins.columns import wanted
from assets.raw.origins.origin import DATABASES, LATE_COMMITS, LOOKBACK, NotFetched, Origin, TableOrigin

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

PIECE = 1_000_000
"""Rows from which on a piece ends with its day."""

BATCH = 20_000
"""Rows asked for at once."""

CONNECT_SECONDS = 20

BY = "_by"
"""Name in a query of the column that rows are ordered by."""

Value = Any
"""A day, a moment, a number or a text: what a cursor is."""


@dataclass(frozen=True)
class Piece:
    """Rows that are next to one another by day or cursor, all of their last one included.

    Attributes:
        rows: the contract's columns, and no other.
        start: the first day or cursor that counts; None where all do.
        after: the last day or cursor of the piece before; None of the first.
        last: the last of this piece; None where it has no rows, or they have no order.
        ends: no piece follows.
    """

    rows: "pa.Table"
    start: Value | None = None
    after: Value | None = None
    last: Value | None = None
    ends: bool = False


@contextmanager
def connected(origin: Origin) -> "Iterator[sa.Connection]":
    """A connection to a database, in one transaction that only reads.

    Raises:
        NotFetched: its address is wrong, its driver is not installed, it does not answer, or what is asked of it
            meanwhile fails; without a secret in the message.
    """
    import sqlalchemy as sa

    url = secret.address(origin)
    try:
        connection = _engine(origin, url).connect()
    except NotFetched:
        raise
    except (
        Exception
    ) as error:  # drivers have errors of their own, of libraries that may not be installed here
        raise NotFetched(_words(origin, error, url, away=True)) from None
    try:
        with connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        away = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
        raise NotFetched(_words(origin, error, url, away)) from None


def _engine(origin: Origin, url: str) -> "sa.Engine":
    import sqlalchemy as sa

    wants = DATABASES[origin.kind]
    try:
        parsed = sa.make_url("postgresql" + url[8:] if url.startswith("postgres:") else url)
    except (sa.exc.ArgumentError, ValueError):
        raise NotFetched(
            f"{origin.connection} is no address: write {wants}://user:password@host/database"
        ) from None
    if parsed.get_backend_name() != wants:
        raise NotFetched(
            f"{origin.connection} is an address of {parsed.get_backend_name()}, and `from:` says {origin.kind}"
        )
    options: dict[str, Any] = {}
    if wants == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg2")
        options = {"connect_args": {"connect_timeout": CONNECT_SECONDS}}
    try:
        return sa.create_engine(parsed, poolclass=sa.NullPool, **options)
    except (sa.exc.NoSuchModuleError, ImportError):
        raise NotFetched(
            f"the driver of {origin.kind} is not installed: pip install 'carryover[{origin.kind}]'"
        ) from None


def _words(origin: Origin, error: Exception, url: str, away: bool) -> str:
    """What a database said, on one line and without secrets, and what to do."""
    said = (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
    said = secret.without_secrets(said, url)
    if (
        away and "FATAL" in said and "starting up" not in said
    ):  # it answered: there is no such database, role, password
        return f"{origin.kind} refuses: {said}: look whether {origin.connection} is right; the next fetch asks again"
    remedy = (
        f"look whether it is up and whether {origin.connection} is right; the next fetch asks again"
        if away
        else "a table may have been changed while it was read; the next fetch asks again"
    )
    return f"{origin.kind} does not answer: {said}: {remedy}" if away else f"{origin.kind}: {said}: {remedy}"


def pieces(connection: "sa.Connection", table: TableOrigin, last: str | None) -> Iterator[Piece]:
    """The rows of a table that may be new, in pieces of some million rows; at least one, which may be empty.

    Args:
        last: the last day or cursor that has landed, as text; None before the first fetch.

    Raises:
        NotFetched: a column is missing, a row has no day, or the day or cursor is of a type that has no order.
    """
    kinds = column_kinds(connection, table)
    written = wanted(table, list(kinds), table.place)
    asked = Asked.of(table, written, kinds, last)
    types = {name: kinds[theirs] for name, theirs in written.items()}
    columns = [column for column in table.contract.columns if column.name in types]
    makers = [_maker(column, types[column.name]) for column in columns]
    if asked.by:
        makers.append(list)
    result = connection.execution_options(stream_results=True, yield_per=BATCH).execute(query(table, asked))
    cutter = _Cutter(asked.group)
    after = None
    for rows in result.partitions(BATCH):
        rows = asked.counting(rows)
        if not rows:
            continue
        cells = list(zip(*rows, strict=True))
        made = [make(values) for make, values in zip(makers, cells, strict=True)]
        groups = made.pop() if asked.by else []
        if None in groups:
            raise NotFetched(
                f"{table.place}: a row has no {asked.by}: fill it in, or leave such rows out in a view"
            )
        arrays = _arrow(columns, types, made)
        for whole, last in cutter.cut(arrays, groups):
            yield Piece(whole, asked.start, after, last)
            after = last
    rest = cutter.rest() if cutter.held else _arrow(columns, types, [[] for _ in columns])
    yield Piece(rest, asked.start, after, cutter.last, ends=True)


def column_kinds(connection: "sa.Connection", table: TableOrigin) -> "dict[str, sa.types.TypeEngine]":
    """The columns of a table and their types.

    Raises:
        NotFetched: there is no such table.
    """
    import sqlalchemy as sa

    schema, name = _parts(table.place)
    try:
        found = sa.inspect(connection).get_columns(name, schema=schema)
    except sa.exc.NoSuchTableError:
        found = []
    if not found:
        raise NotFetched(
            f"{table.place}: there is no such table, or this user may not read it: correct `table:` in sources.yaml"
        )
    return {column["name"]: column["type"] for column in found}


@dataclass(frozen=True)
class Asked:
    """What a query asks for.

    Attributes:
        written: by the contract's name, the database's.
        by: the column that rows are ordered by; "" for a whole table.
        start: the first day or cursor that counts; None for all.
        from_value: the first value of `by` that the query asks for; None for all.
        group: what rows that belong together have in common, of a value of `by`.
    """

    written: Mapping[str, str]
    by: str = ""
    start: Value | None = None
    from_value: Value | None = None
    group: Callable[[Value], Value] = lambda value: value

    def counting(self, rows: "Sequence[sa.Row[Any]]") -> "Sequence[sa.Row[Any]]":
        """Those of a query's rows that are of the first day or a later one.

        A day of moments begins when the database's session says so, up to 14 hours from midnight UTC, and the query is
        asked before anybody knows: it asks from a day earlier.
        """
        if self.start == self.from_value:
            return rows
        return [row for row in rows if row[-1] is None or self.group(row[-1]) >= self.start]

    @classmethod
    def of(
        cls,
        table: TableOrigin,
        written: Mapping[str, str],
        kinds: "Mapping[str, sa.types.TypeEngine]",
        last: str | None,
    ) -> "Asked":
        """What to ask a table for, whose last landed day or cursor is known.

        Raises:
            NotFetched: rows cannot be asked for in this way.
        """
        import sqlalchemy as sa

        if table.incremental == "whole":
            return cls(written)
        by = written[table.day] if table.incremental == "partition" else table.cursor
        if by not in kinds:
            called = f" (its {by} is called {written[by]} there)" if written.get(by, by) != by else ""
            raise NotFetched(
                f"{table.place}: the table has no column {by}{called}: `cursor:` in sources.yaml takes the name that "
                "the table has for it"
            )
        kind = kinds[by]
        if isinstance(kind, sa.DateTime | sa.Date):
            back = LOOKBACK if table.incremental == "partition" else LATE_COMMITS
            back = back if table.lookback is None else table.lookback
            first = dt.date.fromisoformat(table.since) if table.since else None
            start = dt.date.fromisoformat(last[:10]) - dt.timedelta(days=back) if last else first
            start = max(start, first) if start and first else start
            if table.incremental == "partition":
                early = start - dt.timedelta(days=1) if start and isinstance(kind, sa.DateTime) else start
                return cls(written, by, start, _first_of(early, kind), _day)
            begin = _first_of(start, kind)
            return cls(written, by, begin, begin)
        if table.incremental == "partition":
            raise NotFetched(
                f"{table.place}: column {by} is {kind!r}, neither a day nor a moment: cast it in a view, or say "
                "`incremental: whole`"
            )
        if table.lookback or table.since:
            raise NotFetched(
                f"{table.place}: `lookback:` and `since:` are days, and the cursor {by} is {kind!r}: take them out"
            )
        if not isinstance(kind, sa.Integer | sa.Numeric | sa.String):
            raise NotFetched(
                f"{table.place}: the cursor {by} is {kind!r}, which has no order: choose another"
            )
        start = None if last is None else last if isinstance(kind, sa.String) else int(Decimal(last))
        return cls(written, by, start, start)


def _first_of(day: dt.date | None, kind: "sa.types.TypeEngine") -> Value | None:
    """The first value that a column has of a day, which is UTC's where it has a zone."""
    import sqlalchemy as sa

    if day is None or not isinstance(kind, sa.DateTime):
        return day
    return dt.datetime.combine(day, dt.time(), dt.UTC if kind.timezone else None)


def query(table: TableOrigin, asked: Asked) -> "sa.Select[Any]":
    """The query of a table: the contract's columns under its names, in order of day or cursor."""
    import sqlalchemy as sa

    schema, name = _parts(table.place)
    there = dict.fromkeys([*asked.written.values(), *([asked.by] if asked.by else [])])
    source = sa.table(name, *map(sa.column, there), schema=schema).alias("t")
    columns = [
        source.c[asked.written[column.name]].label(column.name)
        for column in table.contract.columns
        if column.name in asked.written
    ]
    if not asked.by:
        return sa.select(*columns)
    by = source.c[asked.by]
    found = sa.select(*columns, by.label(BY)).order_by(by)
    return found if asked.from_value is None else found.where(by >= asked.from_value)


def _parts(place: str) -> tuple[str | None, str]:
    schema, _, name = place.rpartition(".")
    return schema or None, name


def _day(value: Value) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


class _Cutter:
    """Batches put together until a piece is large enough, and cut where one day or cursor ends."""

    def __init__(self, group: Callable[[Value], Value]):
        self.group = group
        self.held: list[pa.Table] = []
        self.last: Value | None = None

    def cut(self, batch: "pa.Table", by: Sequence[Value]) -> "Iterator[tuple[pa.Table, Value]]":
        import pyarrow as pa

        groups = [self.group(value) for value in by]
        full = sum(part.num_rows for part in self.held) + batch.num_rows >= PIECE
        if full and groups:
            begins = groups.index(groups[-1])  # of the last group, which may go on in the next batch
            before = groups[begins - 1] if begins else self.last
            if before is not None and before != groups[-1]:
                yield pa.concat_tables([*self.held, batch.slice(0, begins)]), before
                self.held, batch = [], batch.slice(begins)
        self.held.append(batch)
        self.last = groups[-1] if groups else None

    def rest(self) -> "pa.Table":
        import pyarrow as pa

        return pa.concat_tables(self.held)


def _maker(column: Column, kind: "sa.types.TypeEngine") -> Callable[[Sequence[Value]], list[Value]]:
    """How the values of a column are written so that the contract's readers find each in the plain way."""
    if column.kind == "moment":
        return lambda values: [_moment(value) for value in values]
    if column.kind == "flag":
        return lambda values: [None if v is None else str(v).lower() for v in values]
    if _arrow_type(column, kind) == "text":
        return lambda values: [None if v is None else _text(v) for v in values]
    if column.kind == "date":
        return lambda values: [v.replace(tzinfo=None) if isinstance(v, dt.datetime) else v for v in values]
    return list


def _text(value: Value) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _moment(value: Value) -> str | None:
    if not isinstance(value, dt.datetime):
        return None if value is None else str(value)
    utc = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    text = utc.isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def _arrow_type(column: Column, kind: "sa.types.TypeEngine") -> str:
    """How a column is kept in Parquet: `whole`, `double`, `decimal`, `day`, `time` or `text`."""
    import sqlalchemy as sa

    if column.kind in ("integer", "number"):
        if isinstance(kind, sa.Integer):
            return "whole"
        if isinstance(kind, sa.Float):
            return "double"
        if (
            isinstance(kind, sa.Numeric)
            and kind.scale is not None
            and (kind.precision or 0) <= 38
            and kind.asdecimal
        ):
            return "decimal"
    if column.kind == "date":
        return "time" if isinstance(kind, sa.DateTime) else "day" if isinstance(kind, sa.Date) else "text"
    return "text"


def _arrow(
    columns: Sequence[Column], kinds: "Mapping[str, sa.types.TypeEngine]", values: Sequence[Sequence[Value]]
) -> "pa.Table":
    import pyarrow as pa

    def of(column: Column) -> "pa.DataType":
        kind = kinds[column.name]
        way = _arrow_type(column, kind)
        if way == "decimal":
            return pa.decimal128(38, kind.scale)  # type: ignore[attr-defined]
        types = {"whole": pa.int64(), "double": pa.float64(), "day": pa.date32(), "time": pa.timestamp("us")}
        return types.get(way, pa.string())

    arrays = []
    for column, cells in zip(columns, values, strict=True):
        try:
            arrays.append(pa.array(cells, of(column)))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise NotFetched(f"column {column.name}: {error}") from None
    return pa.table(arrays, names=[column.name for column in columns])
