"""A first specification for a table: columns recognised, channels put together, gaps and traps named.

It is where to begin, not what to end with: every column is listed with what it was taken for and why, so that whoever
knows the table corrects it. What a fit would refuse is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmm_core.data.arrays import model_data
from mmm_core.data.cells import DECIMAL_COMMAS, places
from mmm_core.data.currency_columns import currency_traps
from mmm_core.data.table import by_name
from mmm_core.data_health.collinearity import twins
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.errors import InputError, listed, shown
from mmm_core.first_model.columns import ColumnValues, read_column
from mmm_core.first_model.frame import frame_of
from mmm_core.first_model.mapping import gaps_of, mapping_of
from mmm_core.first_model.recognised import ColumnRole, Recognised
from mmm_core.spec.model_spec import ModelSpec, parse_spec


@dataclass(frozen=True)
class Proposal:
    """A first model.

    Attributes:
        mapping: the specification, as its YAML has it.
        columns: of the table, in its order, with the role of each.
        traps: what looks wrong in the table; gaps: what a model of it would miss.
        refused: why a fit would not take the table with this specification; "" where it would.
    """

    mapping: Mapping[str, Any]
    columns: tuple[ColumnRole, ...]
    traps: tuple[str, ...]
    gaps: tuple[str, ...]
    refused: str
    source: str

    @property
    def spec(self) -> ModelSpec:
        """The specification."""
        return parse_spec(dict(self.mapping), "the proposal")


def propose(table: pd.DataFrame, name: str, source: str = "table", kpi: str | None = None) -> Proposal:
    """A first model of a table.

    Args:
        table: of `mmm_core.data.reader.read_table`.
        name: of the file, from which the model's follows.
        kpi: column of the outcome, where the names do not tell.

    Raises:
        InputError: no column of days, KPI or media, rows that are no weeks or that nothing tells apart.
    """
    rows = by_name(table, source)
    commas = bool(table.attrs.get(DECIMAL_COMMAS, False))
    columns = {str(column): read_column(rows[column], commas) for column in rows.columns}
    frame = frame_of(columns, source)
    found = Recognised(source, columns, frame, kpi)
    mapping = mapping_of(found, _model_name(name))
    if same := _twins(table, mapping, source):
        for one, other in same:
            found.leave_out_twin(one, other)
        mapping = mapping_of(found, _model_name(name))
    traps = [*_unread(columns), *currency_traps(rows), *found.traps]
    refused = ""
    try:
        model_data(table, parse_spec(mapping, "the proposal"), source)
    except InputError as error:
        refused = str(error)
    roles = tuple(found.why[column] for column in found.columns)
    return Proposal(mapping, roles, tuple(traps), tuple(gaps_of(found)), refused, source)


def _twins(table: pd.DataFrame, mapping: Mapping[str, Any], source: str) -> list[tuple[str, str]]:
    """Pairs of channels of a specification that are one series under two names, as the diagnostics find them."""
    spec = parse_spec(dict(mapping), "the proposal")
    try:
        return twins(WeeklyPanel.of(table, spec, source), spec.data_health)
    except InputError:  # a table that is not read so far is told of by whoever reads it next
        return []


def _unread(columns: Mapping[str, ColumnValues]) -> list[str]:
    """Cells that a fit or the landing of weekly tables would refuse, a line a column."""
    return [
        f"{name}: {listed(map(shown, column.unread.unique()), 3)} is not a "
        f"{'day' if column.kind == 'day' else 'number'} {places(column.unread)}: {column.remedy}; "
        "`landing/weekly_tables` refuses the file until then"
        for name, column in columns.items()
        if len(column.unread)
    ]


def _model_name(name: str) -> str:
    """A model's name of a file's: lower case, digits and underscores, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "my_model"
    return plain if plain[0].isalpha() else f"model_{plain}"
