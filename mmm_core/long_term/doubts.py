"""Which checks of a long term failed, in few words, for those who move money by it."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from mmm_core.errors import listed

OF_CHANNELS, ON = ("identification", "prior sensitivity"), " on "
"""Checks whose subject is a channel, or a channel on a variable."""


def doubts(table: pd.DataFrame, channels: Collection[str]) -> list[str]:
    """Which checks failed, a name each with what they are of: of single channels only those of `channels`.

    Args:
        table: of `checks`.
    """
    failed = table if table.empty else table[~table["passed"].astype(bool)]
    if failed.empty:
        return []
    channel = failed["subject"].astype(str).str.partition(ON)[0]
    failed = failed[~failed["check"].isin(OF_CHANNELS) | channel.isin([*channels])]
    return [
        f"{check} of {listed(subjects, len(subjects))}" if all(subjects) else str(check)
        for check, subjects in failed.groupby("check", sort=False)["subject"].agg(list).items()
    ]
