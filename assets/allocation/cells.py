"""The weeks, geos or patterns of a recommended budget, as a table of the schema `results`."""

from typing import TYPE_CHECKING

from assets.allocation.answer import read_cells
from assets.models import Vintage
from assets.resources.stores import ResultStore

if TYPE_CHECKING:
    import pandas as pd


def cells_of(results: ResultStore, vintage: Vintage, table: "pd.DataFrame") -> "pd.DataFrame":
    """What the budget of `table` spends where and when; no row where it decides channels alone.

    Args:
        table: a budget, as `budget_allocation` keeps it.

    Returns:
        A row a cell: channel, geo, week (from 1), pattern, and the spend of the last comparable period and of the
        coming one in the model's currency, `current_spend` and `recommended_spend`. What is not decided is missing.

    Raises:
        Damaged: what the budget answers was kept and is not what was written.
    """
    import pandas as pd

    words = ["channel", "geo", "pattern"]
    columns = dict.fromkeys(words, "object") | {
        "week": "Int64",
        "current_spend": "float64",
        "recommended_spend": "float64",
    }
    cells = read_cells(results, vintage, table)
    if cells is None:
        return pd.DataFrame(columns=list(columns)).astype(columns)
    cells = cells.astype({"week": "float64"}).astype(columns)
    cells[words] = cells[words].mask(cells[words].isin(["", None]), None)
    return cells[list(columns)]
