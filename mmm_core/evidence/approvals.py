"""Who approved which test, and when: lines of a file under version control, and nothing else.

A CSV beside the model's YAML: test_id, decision (approved where blank, or rejected), by, on, and if wanted why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mmm_core.data.cells import day_column, rows_named, text_of
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.inputs import name_of

APPROVED, REJECTED = "approved", "rejected"
NEEDED = ("test_id", "by", "on")
_COLUMNS = (*NEEDED, "decision", "why")


@dataclass(frozen=True)
class Approval:
    """What one person or role decided about one test.

    Attributes:
        by: who.
        on: day of the decision.
        why: in their words; may be empty.
    """

    test_id: str
    decision: str
    by: str
    on: date
    why: str = ""

    @property
    def approves(self) -> bool:
        """Whether it lets the test calibrate."""
        return self.decision == APPROVED


Approvals = Mapping[str, Approval]


def read_approvals(path: str | Path) -> dict[str, Approval]:
    """The decisions of a file, by test.

    Raises:
        InputError: a file that cannot be read, a column that is missing or unknown, a blank cell, a day that is none,
            an unknown decision, or a test that is decided twice; with rows and remedy.
    """
    source = name_of(path)
    table = read_table(path)
    missing = [column for column in NEEDED if column not in table.columns]
    if missing:
        raise InputError(f"{source}: column {listed(missing)} is not there: write test_id,decision,by,on,why")
    unknown = [column for column in table.columns if column not in _COLUMNS]
    if unknown:
        raise InputError(
            f"{source}: column {shown(unknown[0])} is unknown: {nearest(str(unknown[0]), _COLUMNS)}"
        )
    cells = {column: text_of(table[column]) for column in _COLUMNS if column in table.columns}
    for column in NEEDED:
        blank = cells[column] == ""
        if blank.any():
            raise InputError(
                f"{source}: column {column} is blank ({rows_named(table.index[blank])}): an approval says which test, "
                "by whom and when"
            )
    days = day_column(table, "on", source)
    if days.isna().any():
        undated = days.index[days.isna()]
        raise InputError(
            f"{source}: column on is blank ({rows_named(undated)}): an approval says which test, by whom and when"
        )
    out: dict[str, Approval] = {}
    for position, row in enumerate(table.index):
        test_id = str(cells["test_id"].iloc[position])
        decision = str(cells["decision"].iloc[position]).lower() if "decision" in cells else ""
        if decision not in ("", APPROVED, REJECTED):
            raise InputError(
                f"{source}: row {row}: decision {shown(decision)} is none: {nearest(decision, (APPROVED, REJECTED))}"
            )
        if test_id in out:
            raise InputError(
                f"{source}: row {row}: test {shown(test_id)} is decided already above: keep one line"
            )
        out[test_id] = Approval(
            test_id,
            decision or APPROVED,
            str(cells["by"].iloc[position]),
            days.iloc[position].date(),
            str(cells["why"].iloc[position]) if "why" in cells else "",
        )
    return out
