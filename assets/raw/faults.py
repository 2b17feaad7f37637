"""What speaks against a file: faults of rows, which can be set aside alone, and faults of the file as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Something that breaks the contract of a table.

    Attributes:
        line: how a refusal tells it: the column, its values, the rows and the remedy.
        reason: the same in words that all its rows share, such as `spend is not a number`.
        column: the column at fault; "" where a row is at fault as a whole.
        remedy: what to do; "" where the line says it.
        rows: the rows at fault, as the file counts them; none where no row alone can be blamed, so that nothing of the
            file can be taken.
    """

    line: str
    reason: str = ""
    column: str = ""
    remedy: str = ""
    rows: tuple[int, ...] = ()


def rows_at_fault(faults: list[Fault], columns: tuple[str, ...] = ()) -> set[int]:
    """The rows of some faults, or of those in some columns."""
    return {row for fault in faults if not columns or fault.column in columns for row in fault.rows}
