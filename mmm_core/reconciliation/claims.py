"""Attribution as a table: what reports claim of each channel, week by week, from a file or the mart `fct_attribution`.

A row is a channel, a week and a report. Channels that a model does not have stay in the table: what is reported is
shown, whether or not anything can be compared with it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmm_core.data.cells import day_column, number_column, places, text_of
from mmm_core.data.file_columns import FileColumn, refuse_columns, template_of
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError, listed, shown
from mmm_core.evidence.row import MOST, SLIP
from mmm_core.inputs import name_of

COLUMNS = (
    FileColumn("market", "market, by the model's `filter: {market: ...}`; blank: the model's own", example="us"),
    FileColumn("channel", "channel, as the model names it", required=True, example="search"),
    FileColumn("week_start", "first day of the week, on the weekday of the model's weeks", "day", True, "2025-01-06"),
    FileColumn("platform", "who reports: an ad platform or an analytics tool", example="google_ads"),
    FileColumn("attribution_model", "how purchases are given to ads", example="last_click"),
    FileColumn("attribution_window", "how long a click or a view counts", example="30d click"),
    FileColumn("spend", "spend of the channel in the week, to compare with the model's", "number", example="41200"),
    FileColumn("conversions", "purchases claimed; what counts where the KPI has no price", "number", example="3810"),
    FileColumn("revenue", "revenue claimed; what counts elsewhere", "number", example="283800"),
    FileColumn("currency", "of spend and revenue; blank: that of the model's table", example="USD"),
)  # fmt: skip
NAMES = tuple(column.name for column in COLUMNS)
ALSO_IN_THE_MART = ("is_known_channel", "days_reported")
AS_LANDED = ("date_start", "date_stop")
"""Columns of a platform's report that claims by week do not have."""
KEY = ["market", "channel", "week_start", "platform", "attribution_model", "attribution_window"]


def template() -> str:
    """A CSV to fill in: the header, and a row that is an example."""
    return template_of(COLUMNS)


def read_claims(path: str | Path) -> pd.DataFrame:
    """The claims of a file, as `claims_in` gives them.

    Raises:
        InputError: a file that cannot be read, and what `claims_in` refuses.
    """
    return claims_in(read_table(path), name_of(path))


def claims_in(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The claims of a table, one row a market, channel, week and report, with the columns `NAMES`.

    Text is "" and a number nan where a cell is blank; weeks are datetime64[ns].

    Raises:
        InputError: a column that is missing or nearly named like one, a cell that cannot be read, is blank where it may
            not be or is negative, a row that is there twice; with rows and remedy.
    """
    _refuse_columns(table, source)
    out = {}
    for column in COLUMNS:
        if column.name not in table.columns:
            out[column.name] = pd.Series("" if column.kind == "text" else float("nan"), index=table.index)
        elif column.kind == "text":
            out[column.name] = text_of(table[column.name])
        elif column.kind == "day":
            out[column.name] = day_column(table, column.name, source)
        else:
            out[column.name] = number_column(table, column.name, source)
    claims = pd.DataFrame(out, index=table.index)
    _refuse_cells(claims, source)
    return claims.reset_index(drop=True)


def _refuse_columns(table: pd.DataFrame, source: str) -> None:
    if set(AS_LANDED) <= set(table.columns) and "week_start" not in table.columns:
        raise InputError(
            f"{source}: is a report as it lands, by days and campaigns (columns {listed(AS_LANDED)}): the platform "
            "makes weekly claims of it in one currency, published as fct_attribution.parquet: name that file; or write "
            "claims by channel and week as `mmm attribution` shows"
        )
    refuse_columns(table, COLUMNS, source, "claims", ALSO_IN_THE_MART)
    if "revenue" not in table.columns and "conversions" not in table.columns:
        raise InputError(
            f"{source}: neither a column 'revenue' nor a column 'conversions': state what is claimed"
        )


def _refuse_cells(claims: pd.DataFrame, source: str) -> None:
    for name in ("channel", "week_start"):
        blank = claims[name].isna() if name == "week_start" else claims[name] == ""
        if blank.any():
            cells = claims.loc[blank, name]
            raise InputError(
                f"{source}: column {name} is blank {places(cells)}: fill it in, or take the row out"
            )
    for name in ("spend", "conversions", "revenue"):
        negative = claims.loc[claims[name] < 0, name]
        if len(negative):
            raise InputError(
                f"{source}: column {name}: {negative.iloc[0]:g} is negative {places(negative)}: write what was "
                "claimed, 0 or more"
            )
        huge = claims.loc[claims[name] > MOST, name]
        if len(huge):
            raise InputError(
                f"{source}: column {name}: {huge.iloc[0]:g} is beyond anything that is claimed {places(huge)}: {SLIP}"
            )
    twice = claims.loc[claims.duplicated(KEY, keep=False), "channel"]
    if len(twice):
        raise InputError(
            f"{source}: {listed(map(shown, twice.unique()), 3)} is there more than once for one week and report "
            f"{places(twice)}: keep one row each, or say by platform, attribution_model or attribution_window what "
            "tells them apart"
        )
