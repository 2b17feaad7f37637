"""Columns that state currencies: where one states several, nothing in a column of money says which it is in.

A column states currencies where it is named as one that does (`currency`, `ccy`), or where every cell of it that states
something is a code of ISO 4217.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from mmm_core.data.cells import MISSING, holds_words, places, text_of
from mmm_core.data.currencies import CURRENCIES
from mmm_core.errors import listed
from mmm_core.plural import plural

NAMED = frozenset(["currency", "currencies", "ccy", "curr"])
"""Words of a name that say its cells are currencies."""


def several_currencies(columns: Mapping[str, pd.Series]) -> dict[str, list[str]]:
    """The currencies, the commonest first, of every column that states more than one.

    Args:
        columns: text by name, "" where a cell is blank.
    """
    found = {name: codes for name, cells in columns.items() if len(codes := _currencies(name, cells)) > 1}
    return {name: list(codes) for name, codes in found.items()}


def currency_traps(rows: pd.DataFrame) -> list[str]:
    """What is wrong with the money of a table that states several currencies, a line a column that states them.

    Args:
        rows: of `mmm_core.data.table.by_name`.
    """
    return [in_words(name, codes) for name, codes in stated_currencies(rows).items() if len(codes) > 1]


def stated_currencies(rows: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """By column that states currencies, its cells by currency, the commonest first.

    Args:
        rows: of `mmm_core.data.table.by_name`.
    """
    texts = {
        str(name): text_of(rows[name])
        for name in rows.columns
        if not pd.api.types.is_numeric_dtype(rows[name].dtype)
        and not pd.api.types.is_datetime64_any_dtype(rows[name])
    }
    return {name: codes for name, cells in texts.items() if (codes := _currencies(name, cells))}


def _currencies(name: str, cells: pd.Series) -> dict[str, pd.Series]:
    """Cells by what they state, the commonest first; empty where they state no currencies."""
    stated = cells[~cells.isin(MISSING)]
    if not len(stated):
        return {}
    codes = stated.str.upper()
    named = not NAMED.isdisjoint(re.findall(r"[^\W_]+", name.lower()))
    if not (codes.isin(CURRENCIES).all() or (named and holds_words(stated))):
        return {}
    return {str(code): stated[codes == code] for code in codes.value_counts().index}


def in_words(name: str, codes: Mapping[str, pd.Series]) -> str:
    """What several currencies of a column mean, and what to do."""
    usual, *others = codes
    told = [f"{usual} in {plural(len(codes[usual]), 'row')}"]
    told += [f"{code} in {plural(len(codes[code]), 'row')} {places(codes[code])}" for code in others]
    return (
        f"column {name} has {listed(told, 4)}: money of several currencies would be read as one series: convert every "
        f"amount to {usual} at the rates of its week and leave the column out, or model the rows of each currency by "
        "themselves"
    )
