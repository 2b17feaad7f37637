"""What the sources delivered of a model's channels, week by week, as the long mart of media has it."""

from typing import TYPE_CHECKING

from assets.model_inputs.mart import WEEKLY_TABLES
from assets.models import Vintage
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec

MART = "fct_media_weekly"
SPEND = "_spend"
"""What the model table puts behind a channel of the mart."""


def read_delivery(warehouse: Warehouse, spec: "ModelSpec", vintage: Vintage) -> "pd.DataFrame | None":
    """Channel of the model, week and delivery, a row a channel, week and geo up to the as-of week.

    Returns:
        None where the model's table is a weekly file, or the mart says nothing of its channels: a file of one's own
        arrives whole or not at all.
    """
    if spec.table.startswith(WEEKLY_TABLES):
        return None
    names = {channel.spend.removesuffix(SPEND): name for name, channel in spec.media.channels.items()}
    with warehouse.connect(read_only=True) as connection:
        there = connection.execute(
            "select column_name from information_schema.columns where table_schema = 'marts' and table_name = ?",
            [MART],
        ).fetchall()
        columns = {column for (column,) in there}
        if not columns >= {"channel", "week_start", "delivery"}:
            return None
        kept = {column: value for column, value in spec.filter.items() if column in columns}
        conditions = "".join(f' and cast("{column}" as varchar) = ?' for column in kept)
        rows = connection.execute(
            f"select channel, week_start as week, delivery from marts.{MART} "
            f"where list_contains(?, channel) and week_start <= ?{conditions} order by all",
            [list(names), vintage.week, *kept.values()],
        ).df()
    if rows.empty:
        return None
    return rows.assign(channel=rows["channel"].map(names), week=rows["week"].astype("datetime64[ns]"))
