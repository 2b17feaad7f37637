"""Rows of a file that break their contract, where the source has them set aside instead of the whole file refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from assets.raw.faults import Fault, rows_at_fault
from assets.raw.personal import without_addresses
from mmm_core.errors import shortened

if TYPE_CHECKING:
    import pandas as pd

LONGEST_CELL = 200
"""Characters of a cell that are kept: enough to see what is wrong with it."""

LARGEST = 1e20
"""An amount beyond is none: exact sums do not hold it."""


@dataclass(frozen=True)
class SetAside:
    """The rows of a file that are not loaded.

    Attributes:
        rows: a line a row, its index the row in the file: `day` (the first it covers, in UTC of a moment; None where
            there is none or it cannot be read), `column_name` (the columns at fault), `reason`, `remedy`, `amount` (of
            the contract, to six decimals; None where it cannot be read) and `contents` (name and cell of each of the
            contract's columns, without addresses of persons).
        keys: the contract's grain in its types, of the rows where it can be read.
    """

    rows: "pd.DataFrame"
    keys: "pd.DataFrame"

    @property
    def amount(self) -> Decimal:
        """The sum of what can be read of the amount."""
        return sum(self.rows["amount"].dropna(), Decimal(0))


def set_aside(
    contract: Contract, cells: "pd.DataFrame", typed: "pd.DataFrame", faults: Sequence[Fault]
) -> SetAside:
    """Describe the rows at fault.

    Args:
        cells: the file as text by the contract's names, all rows of it: how a cell is written says how others are read.
        typed: the same in the contract's types.
    """
    import pandas as pd

    from mmm_core.data.cells import DECIMAL_COMMAS, numbers

    at_fault = sorted(rows_at_fault(faults))
    of_row: dict[int, list[Fault]] = {row: [] for row in at_fault}
    for fault in faults:
        for row in fault.rows:
            of_row[row].append(fault)
    amounts: dict[int, Decimal] = {}
    if contract.amount:
        read = numbers(cells[contract.amount], cells.attrs.get(DECIMAL_COMMAS, False)).values[at_fault]
        amounts = {row: round(Decimal(str(value)), 6) for row, value in read.items() if abs(value) < LARGEST}
    names = [column.name for column in contract.columns]
    contents = cells.loc[at_fault, names].map(lambda cell: shortened(without_addresses(cell), LONGEST_CELL))
    start = _first_day(contract)
    days = typed[start].drop(index=list(rows_at_fault(faults, (start,)))).dt.date.to_dict() if start else {}
    rows = pd.DataFrame(
        {
            "day": [days.get(row) for row in at_fault],
            "column_name": [_joined(", ", (fault.column for fault in of_row[row])) for row in at_fault],
            "reason": [_joined("; ", (fault.reason for fault in of_row[row])) for row in at_fault],
            "remedy": [_joined("; ", (fault.remedy for fault in of_row[row])) for row in at_fault],
            "amount": [amounts.get(row) for row in at_fault],
            "contents": [list(record.items()) for record in contents.to_dict("records")],
        },
        index=pd.Index(at_fault, name=typed.index.name),
        dtype=object,
    )
    unreadable = rows_at_fault(faults, contract.grain)
    keys = typed.loc[[row for row in at_fault if row not in unreadable], list(contract.grain)]
    return SetAside(rows, keys)


def _first_day(contract: Contract) -> str:
    """The column that says which day a row is of, or begins with; "" where none does: a moment's day is that in UTC."""
    if contract.period:
        return contract.period.start
    moments = [column.name for column in contract.columns if column.kind == "moment"]
    return moments[0] if contract.gives and moments else ""


def _joined(separator: str, words: Iterable[str]) -> str:
    return separator.join(dict.fromkeys(word for word in words if word))
