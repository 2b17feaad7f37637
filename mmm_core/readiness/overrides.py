"""Who lets a gate pass that failed, until when, and why: lines of a file under version control, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mmm_core.data.cells import day_column, rows_named, text_of
from mmm_core.data.file_columns import FileColumn, refuse_columns
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError, nearest, shown
from mmm_core.inputs import name_of
from mmm_core.readiness.gates import GATES
from mmm_core.spec.file_beside import path_beside
from mmm_core.spec.model_spec import ModelSpec

COLUMNS = (
    FileColumn("gate", "one of the gates", required=True, example="extrapolation"),
    FileColumn("by", "who decides", required=True, example="team:finance"),
    FileColumn("on", "day of the decision", "day", required=True, example="2026-03-02"),
    FileColumn("until", "last as-of week that it holds for", "day", required=True, example="2026-03-30"),
    FileColumn("why", "the reason, in a sentence", required=True, example="launch was agreed with the board"),
)


@dataclass(frozen=True)
class Override:
    """What one person or role decided about one gate.

    Attributes:
        on: day of the decision; until: last as-of week, both included, that it holds for.
    """

    gate: str
    by: str
    on: date
    until: date
    why: str


Overrides = Mapping[str, tuple[Override, ...]]


def read_overrides(path: str | Path) -> dict[str, tuple[Override, ...]]:
    """The decisions of a file, by gate, in its order.

    Raises:
        InputError: a file that cannot be read, a column that is missing, a blank cell, a gate that there is none of, a
            day that is none, or an end before the decision; with rows and remedy.
    """
    source = name_of(path)
    table = read_table(path)
    refuse_columns(table, COLUMNS, source, "overrides")
    cells = {column.name: text_of(table[column.name]) for column in COLUMNS if column.kind == "text"}
    days = {name: day_column(table, name, source) for name in ("on", "until")}
    for name in (column.name for column in COLUMNS):
        blank = days[name].isna() if name in days else cells[name] == ""
        if blank.any():
            raise InputError(
                f"{source}: column {name} is blank ({rows_named(table.index[blank])}): an override says which gate, "
                "by whom, since when, until when and why"
            )
    out: dict[str, tuple[Override, ...]] = {}
    for position, row in enumerate(table.index):
        gate = str(cells["gate"].iloc[position])
        if gate not in GATES:
            raise InputError(f"{source}: row {row}: there is no gate {shown(gate)}: {nearest(gate, GATES)}")
        on, until = (days[name].iloc[position].date() for name in ("on", "until"))
        if until < on:
            raise InputError(f"{source}: row {row}: until {until} lies before on {on}")
        override = Override(
            gate, str(cells["by"].iloc[position]), on, until, str(cells["why"].iloc[position])
        )
        out[gate] = (*out.get(gate, ()), override)
    return out


def overrides_beside(spec: ModelSpec, folder: Path) -> dict[str, tuple[Override, ...]]:
    """The decisions of the file that `readiness: {overrides: ...}` names; none where it names none.

    Args:
        folder: of the model's YAML.

    Raises:
        InputError: the file is not there, or is refused by `read_overrides`.
    """
    name = spec.readiness.overrides
    if name is None:
        return {}
    return read_overrides(path_beside(spec.model, "readiness.overrides", folder, name))


def override_of(gate: str, as_of: date, overrides: Overrides) -> Override | None:
    """The latest decision about a gate that holds for an as-of week."""
    holding = [override for override in overrides.get(gate, ()) if as_of <= override.until]
    return max(holding, key=lambda override: override.on, default=None)
