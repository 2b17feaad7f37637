"""Reading landing files: a file becomes a typed table that keeps its contract, or is refused with its faults named."""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contracts import Contract
from assets.raw.schema import schema, typed
from mmm_core.errors import InputError, listed, nearest

if TYPE_CHECKING:
    import pandas as pd

ROWS_AS_SHOWN = "Rows are counted as a spreadsheet shows them: the header is row 1."


@dataclass(frozen=True)
class LandingFile:
    """A file of the landing folder; `name` is its path inside it, `digest` a hash of its bytes."""

    path: Path
    name: str
    digest: str


@dataclass(frozen=True)
class Accepted:
    """The typed rows of a file, and the columns of it that were kept out."""

    file: LandingFile
    rows: "pd.DataFrame"
    extra_columns: tuple[str, ...] = ()


class FileRefused(InputError):
    """A landing file that was refused: nothing of it is loaded."""

    def __init__(self, name: str, faults: Iterable[str]):
        self.name, self.faults = name, tuple(faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{name} was refused, nothing of it is loaded:{lines}")


def landing_files(folder: Path, contract_folder: str) -> list[LandingFile]:
    """The CSV files of one source table, by name."""
    paths = sorted((folder / contract_folder).glob("*.csv"))
    return [
        LandingFile(
            path, path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        )
        for path in paths
    ]


def read_text(file: LandingFile) -> "pd.DataFrame":
    """Every cell of the file as text without surrounding blanks; a blank cell is ''.

    Raises:
        FileRefused: an empty file, one with a header alone, no UTF-8, or a row that is longer than the header.
    """
    import pandas as pd

    try:
        cells = pd.read_csv(file.path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        raise FileRefused(file.name, ["the file is empty: export it again"]) from None
    except UnicodeDecodeError as error:
        raise FileRefused(file.name, [f"byte {error.start} is not UTF-8: export the file as UTF-8"]) from None
    except pd.errors.ParserError as error:
        raise FileRefused(file.name, [f"is not a well-formed CSV file: {str(error).strip()}"]) from None
    if not isinstance(
        cells.index, pd.RangeIndex
    ):  # Pandas makes an index of cells the header has no name for
        raise FileRefused(
            file.name, ["row 2 has more cells than the header: quote numbers that contain a comma"]
        )
    if cells.empty:
        raise FileRefused(file.name, ["the file has a header but no rows: export it again"])
    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        header = [name.strip() for name in next(csv.reader(lines))]  # Pandas renames what it finds twice
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise FileRefused(file.name, [f"column {listed(map(repr, twice))} is there twice: keep one"])
    cells.columns = header
    cells = cells.fillna("")  # cells that a short row leaves out
    return cells.apply(lambda column: column.str.strip())


def check(file: LandingFile, contract: Contract) -> Accepted:
    """Read a file and hold it against the contract of its table.

    Raises:
        FileRefused: naming every column at fault, and its rows.
    """
    import pandera.errors

    cells = read_text(file)
    names = [column.name for column in contract.columns]
    missing = [name for name in names if name not in cells]
    if missing:
        unknown = [name for name in cells if name not in names]
        hint = f": {nearest(missing[0], unknown)}" if unknown else ""
        raise FileRefused(file.name, [f"column {listed(missing)} is missing{hint}"])
    known = cells[names]
    try:
        schema(contract).validate(known, lazy=True)
    except pandera.errors.SchemaErrors as error:
        raise FileRefused(file.name, [*_faults(error.failure_cases), ROWS_AS_SHOWN]) from None
    repeated = known.duplicated(list(contract.grain), keep=False)
    if repeated.any():
        raise FileRefused(
            file.name,
            [
                f"{rows_named(known.index[repeated])} repeat the same {', '.join(contract.grain)}: keep one row each",
                ROWS_AS_SHOWN,
            ],
        )
    extra = tuple(name for name in cells if name not in names)
    return Accepted(file, typed(contract, known), extra)


def _faults(cases: "pd.DataFrame") -> list[str]:
    """One line a column and fault of Pandera's failure cases. A cell that is no number has no other fault."""
    faults = []
    seen: set[tuple[str, int]] = set()
    for (column, fault), group in cases.groupby(["column", "check"], sort=False):
        group = group[[(column, index) not in seen for index in group["index"]]]
        seen.update((column, index) for index in group["index"])
        if not group.empty:
            values = "" if fault == "is blank" else listed(map(repr, group["failure_case"].unique()), 3) + " "
            faults.append(f"column {column}: {values}{fault} ({rows_named(group['index'])})")
    return faults


def rows_named(index: "Iterable[int]") -> str:
    """Row numbers as a spreadsheet shows them."""
    rows = sorted(int(i) + 2 for i in index)
    return f"{'row' if len(rows) == 1 else 'rows'} {listed(rows)}"
