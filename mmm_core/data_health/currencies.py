"""Several currencies in one table: spend of all of them would be read as one series."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mmm_core.data.currency_columns import in_words, stated_currencies
from mmm_core.data.table import by_name, matching
from mmm_core.data_health.finding import Finding
from mmm_core.data_health.weekly_panel import WeeklyPanel

FAMILY = "spend_share"


def currencies(table: pd.DataFrame, panel: WeeklyPanel, source: str) -> Iterator[Finding]:
    """Of every column of a table that states currencies, how many there are in the rows that the model reads.

    Args:
        table: as it was read, with the columns that the model does not name too.
    """
    rows = by_name(table, source)
    for column, value in panel.spec.filter.items():
        rows = matching(rows, column, value, source)
    for name, codes in stated_currencies(rows).items():
        count = len(codes)
        words = in_words(name, codes) if count > 1 else f"column {name} has {next(iter(codes))} in every row"
        yield Finding(FAMILY, "currencies", name, float(count), 1.0, "warn" if count > 1 else "ok", words)
