"""Cells of an object of a bucket, and the text in which they are copied."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from assets.raw.origins.origin import NotFetched

if TYPE_CHECKING:
    import pandas as pd


def cells_of(content: bytes, name: str, asked: Collection[str] | None = None) -> "pd.DataFrame":
    """The cells of a file, as the careful reader reads them.

    Args:
        asked: the columns that are asked for; None: all.

    Raises:
        NotFetched: it cannot be read.
    """
    from mmm_core.data.reader import UnreadableFile, table_from

    try:
        return table_from(content, name, asked)
    except UnreadableFile as refusal:
        raise NotFetched(f"{name}: {refusal.fault}") from None


def text_of(cells: "pd.DataFrame") -> str:
    """The text of cells, its separator such that no cell means another thing without the cells beside it."""
    from mmm_core.data.cells import DECIMAL_COMMAS

    return cells.to_csv(index=False, sep=";" if cells.attrs.get(DECIMAL_COMMAS) else ",", lineterminator="\n")
