"""Reading a table from a file: every cell as text, with its row, or a refusal that says which row and what to do.

The landing folder, `--table` and `--plan` read with these functions, so a file means the same wherever it is read.
What is read: UTF-8, and UTF-16 with a byte-order mark; commas, semicolons, tabs or bars between the cells; gzip;
Parquet. Nothing is inferred from a cell here: `mmm_core.data.cells` types a column once its role is known.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from mmm_core.data.cells import DECIMAL_COMMAS, ROW, may_have_decimal_commas, missing, rows_named
from mmm_core.errors import listed, shown
from mmm_core.inputs import MAX_BYTES, UnreadableFile, name_of, read_bytes
from mmm_core.names import normal_name

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
"""How a file that can be read is named, in lower or upper case."""

HEADER = "header"
"""Key of the `attrs` of a table without some columns of its file: the names in the file, from left to right."""

MAX_NAME, MAX_CELL = 300, 100_000
"""Characters of a column's name and of a cell: a longer one is a quote that was never closed."""

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ROWS_LOOKED_AT = 20
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls


def readable(path: str | Path) -> bool:
    """Whether a file's name is that of a table that `read_table` reads."""
    return Path(path).name.lower().endswith(ENDINGS)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table from delimited text or Parquet.

    Returns:
        Every cell as text without blanks around it, "" where it is blank; names of columns as `normal_name` has them.
        The index, named `row`, is the row in the file as a spreadsheet counts: the header is row 1, and rows that are
        blank throughout are left out. Of Parquet the first row is row 1.

    Raises:
        UnreadableFile: no such file, no regular file, an unknown kind, encoding or separator, a name that is there
            twice, in capitals or not, or missing, a row of another length than the header, a NUL, or nothing in it.
    """
    source = name_of(path)
    if not readable(path) and Path(path).is_file():
        raise UnreadableFile(
            source, f"unknown format '{Path(path).suffix}': write {', '.join(ENDINGS)}{_workbook_hint(path)}"
        )
    return table_from(read_bytes(path), source)


def table_from(content: bytes, source: str, wanted: Collection[str] | None = None) -> pd.DataFrame:
    """The table in the bytes of a file, as `read_table` returns it; `source` opens every message.

    Args:
        wanted: the names that are asked for. Another that is there several times does no harm: its columns are left
            out. None: every column is asked for.

    Returns:
        The table. Where columns were left out, `attrs[HEADER]` has all names of the file.
    """
    content = _unpacked(content, source)
    if content[:4] == b"PAR1":
        return _from_parquet(content, source, wanted)
    if source.lower().endswith(".parquet"):
        raise UnreadableFile(
            source, "is called Parquet and is none: write it again, or name it by what it is"
        )
    if content.startswith(_WORKBOOKS):
        raise UnreadableFile(source, f"is a workbook or an archive, no text{_SAVE_AS_CSV}")
    return _from_text(_decoded(content, source), source, wanted)


@dataclass(frozen=True)
class Layout:
    """How delimited text is laid out.

    Attributes:
        separator: what stands between its cells.
        names: of its columns, as `normal_name` has them; of those that nobody asks for several may be alike.
    """

    separator: str
    names: tuple[str, ...]


def layout(head: bytes, source: str, whole: bool, wanted: Collection[str] | None = None) -> Layout | None:
    """The layout of UTF-8 text by its first lines, as `read_table` would find it; None where they leave a doubt.

    Args:
        head: the first bytes of the file, unpacked, without a byte-order mark.
        whole: whether they are all of it.
        wanted: as in `table_from`.

    Raises:
        UnreadableFile: its cells may be separated by one thing or another.
    """
    lines = head if whole else head[: head.rfind(b"\n") + 1]
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        return None
    if not whole and len(text.splitlines()) <= 4 * _ROWS_LOOKED_AT:
        return None  # cells so long that the rows which decide may not be among them
    separator = _separator(text, source)
    header_row, header = next(_records(text, separator, source), (0, []))
    names = tuple(normal_name(name) for name in header)
    plain = header_row == 1 and all(names) and not named_twice(names, wanted)
    return Layout(separator, names) if plain and max(map(len, names)) <= MAX_NAME else None


_SAVE_AS_CSV = ": save the sheet as CSV (UTF-8)"


def _workbook_hint(path: str | Path) -> str:
    workbook = Path(path).suffix.lower() in (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
    return _SAVE_AS_CSV if workbook else ""


def _unpacked(content: bytes, source: str) -> bytes:
    if not content:
        raise UnreadableFile(source, "the file is empty: export it again")
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            unpacked = packed.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(source, f"is not whole: {error}: export or copy it again") from None
    if len(unpacked) > MAX_BYTES:
        raise UnreadableFile(source, f"unpacks to more than {MAX_BYTES:,} bytes, which are read at most")
    if not unpacked:
        raise UnreadableFile(source, "the file is empty: export it again")
    return unpacked


def _decoded(content: bytes, source: str) -> str:
    """The text of a file: UTF-8, or what its byte-order mark says."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding in ("utf-8", "utf-8-sig"):
            row = content.count(b"\n", 0, error.start) + 1
            fault = f"byte {error.start} (row {row}) is not UTF-8"
        else:
            fault = f"byte {error.start} is not {encoding.upper()}, as its first bytes say"
        raise UnreadableFile(source, f"{fault}: export the file as UTF-8") from None
    if "\0" in text:
        half = content[:1000].count(0) > len(content[:1000]) / 4
        what = "is UTF-16 without a mark that says so" if half else (
            f"row {text.count(chr(10), 0, text.index(chr(0))) + 1} holds a NUL character"
        )  # fmt: skip
        raise UnreadableFile(source, f"{what}: export the file as UTF-8")
    return text


def _from_text(text: str, source: str, wanted: Collection[str] | None) -> pd.DataFrame:
    separator = _separator(text, source)
    records = _records(text, separator, source)
    header_row, header = next(records, (0, []))
    if not header:
        raise UnreadableFile(source, "the file is empty: export it again")
    width, index, rows, ragged, row = len(header), [], [], {}, header_row
    for row, cells in records:
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if len(cells) != width:
            ragged[row] = len(cells)
            continue
        index.append(row)
        rows.append(cells)
    if list(ragged) == [row] and ragged[row] < width and not text.endswith(("\n", "\r")):
        raise UnreadableFile(
            source,
            f"row {row}, the last, has {ragged[row]} cells where the header (row {header_row}) has {width}, and no "
            "line end: the file was cut off while it was written or copied: export or copy it again",
        )
    if ragged:
        row, count = next(iter(ragged.items()))
        if len(ragged) > len(rows) and max(ragged.values()) > width == 1:
            remedy = "take out the lines above the names of the columns"
        else:
            comma = count > width and separator == ","
            remedy = "quote cells that hold a comma" if comma else "export the file again"
        raise UnreadableFile(
            source,
            f"{rows_named(ragged)}: {count} cells in row {row}, where the header (row {header_row}) has {width}: "
            f"{remedy}",
        )
    columns = dict(enumerate(zip(*rows, strict=True))) if rows else dict.fromkeys(range(width), ())
    table = _table(header, columns, index, source, wanted)
    table.attrs[DECIMAL_COMMAS] = may_have_decimal_commas(
        (cell for cells in rows for cell in cells), separator
    )
    return table


def _records(text: str, separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, numbered as a spreadsheet does: a cell of several lines is in one row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    while True:
        row += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UnreadableFile(
                source, f"row {row} is not well-formed: {error}: look for a quote that is not closed"
            ) from None
        if cells is None:
            return
        cells = [_cell(cell) for cell in cells]
        longest = max(map(len, cells), default=0)
        if longest > MAX_CELL:
            raise UnreadableFile(
                source, f"row {row} has a cell of {longest:,} characters: look for a quote that is not closed"
            )
        if any(cells):
            yield row, cells


def _cell(text: str) -> str:
    return text.strip() if text.isascii() else normal_name(text)


def _separator(text: str, source: str) -> str:
    """What stands between the cells: of the characters that may, the one that cuts every row into as many cells."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    candidates = [character for character in _SEPARATORS if character in first]
    if len(candidates) < 2:
        return candidates[0] if candidates else ","
    widths = {}
    for character in candidates:
        try:
            lengths = {len(cells) for _, cells in islice(_records(text, character, source), _ROWS_LOOKED_AT)}
        except UnreadableFile:
            continue
        if len(lengths) == 1 and lengths != {1}:
            widths[character] = lengths.pop()
    if not widths:
        return candidates[0]
    best = [character for character, width in widths.items() if width == max(widths.values())]
    if len(best) > 1:
        words = " or ".join(_SEPARATORS[character] for character in best)
        raise UnreadableFile(
            source, f"its cells may be separated by {words}: quote the names that hold either"
        )
    return best[0]


def _table(
    header: list[str],
    columns: dict[int, tuple[str, ...]],
    index: list[int],
    source: str,
    wanted: Collection[str] | None,
) -> pd.DataFrame:
    """The cells under their names. A column without name and cells, as spreadsheets leave it, is left out."""
    names = [normal_name(name) for name in header]
    for position, name in enumerate(names):
        if len(name) > MAX_NAME:
            raise UnreadableFile(
                source,
                f"the name of column {position + 1} has {len(name):,} characters, {MAX_NAME} at most are read: "
                f"{shown(name)}: look for a quote that is not closed",
            )
    nameless = [position for position, name in enumerate(names) if not name and any(columns[position])]
    if nameless:
        raise UnreadableFile(
            source,
            f"column {listed(position + 1 for position in nameless)} has cells and no name: name it in the header, or "
            "take it out",
        )
    named = [position for position, name in enumerate(names) if name]
    given = [names[position] for position in named]
    if twice := named_twice(given, wanted):
        raise UnreadableFile(source, f"{'; '.join(twice)}: keep one, or rename the other")
    if not index:
        raise UnreadableFile(source, "the file has a header but no rows: export it again")
    alike = Counter(map(str.lower, given))
    table = pd.DataFrame(
        {
            names[position]: list(columns[position])
            for position in named
            if alike[names[position].lower()] == 1  # of others nobody asked for one
        },
        index=pd.Index(index, name=ROW),
        dtype=object,
    )
    if len(given) > table.shape[1]:
        table.attrs[HEADER] = tuple(given)
    return table


def named_twice(names: Sequence[str], wanted: Collection[str] | None = None) -> list[str]:
    """In words, names that are there twice, or differ in capitals alone: a warehouse takes those for one.

    Args:
        wanted: as in `table_from`: only of these anything is said.
    """
    if wanted is not None:
        asked = {name.lower() for name in wanted}
        names = [name for name in names if name.lower() in asked]
    exactly = [name for name, count in Counter(names).items() if count > 1]
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(name.lower(), []).append(name)
    return [
        *([f"column {listed(map(shown, exactly))} is there twice"] if exactly else []),
        *(
            f"columns {listed(map(shown, several))} differ in capitals alone, which a warehouse takes for one name"
            for several in alike.values()
            if len(several) > 1
        ),
    ]


def _from_parquet(content: bytes, source: str, wanted: Collection[str] | None) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        stored = parquet.ParquetFile(pa.BufferReader(content)).read()  # one of `read_table` has no name twice
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(
            source, f"cannot be read as Parquet: {shown(error, 200)}: write it again"
        ) from None
    columns = {}
    for position, name in enumerate(stored.column_names):
        if pa.types.is_nested(stored.column(position).type):
            raise UnreadableFile(
                source, f"column {shown(name)} holds lists or records: write one value a cell"
            )
        columns[position] = tuple(_cell(_as_text(value)) for value in stored.column(position).to_pylist())
    index = list(range(1, stored.num_rows + 1))
    return _table(list(stored.column_names), columns, index, source, wanted)


def _as_text(value: object) -> str:
    """A value of a Parquet file as text would have it: a number so that it is read back to the last digit."""
    if missing(value):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
