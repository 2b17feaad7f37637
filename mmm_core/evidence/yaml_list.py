"""A YAML list of lift tests as the table it would be: lists for text separated by ';', mappings by channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from mmm_core.data.cells import ROW
from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.evidence.columns import NAMES
from mmm_core.evidence.row import BETWEEN
from mmm_core.names import normal_name


def table_of(content: Any, source: str) -> pd.DataFrame:
    """A YAML list of tests as the table it would be."""
    if not isinstance(content, list) or not content or not all(isinstance(entry, dict) for entry in content):
        raise InputError(
            f"{source}: expected a list of tests, each a mapping that begins with `- test_id: ...`"
        )
    rows = []
    for number, entry in enumerate(content, start=1):
        unknown = [key for key in entry if key not in NAMES]
        if unknown:
            raise InputError(
                f"{source}: entry {number}: unknown key {shown(unknown[0])}: {nearest(str(unknown[0]), NAMES)}"
            )
        channels = _listed(entry.get("channels", ""))
        rows.append(
            {key: _cell(key, value, channels, f"{source}: entry {number}") for key, value in entry.items()}
        )
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name=ROW), dtype=object)
    return table.where(table.notna(), "")


def _cell(key: str, value: Any, channels: list[str], where: str) -> Any:
    """A value of the YAML as the cell it would be."""
    if isinstance(value, Mapping):
        if not key.endswith(("spend_with", "spend_without")):
            raise InputError(f"{where}: {key}: expected one value, got a mapping")
        if set(map(str, value)) != set(channels):
            raise InputError(f"{where}: {key}: names {listed(value)}, where channels are {listed(channels)}")
        by_channel = {str(channel): amount for channel, amount in value.items()}
        return BETWEEN.join(" ".join(map(str, _as_list(by_channel[channel]))) for channel in channels)
    if isinstance(value, list):
        return (" " if key == "weekly_spend_without" else BETWEEN).join(map(str, value))
    return "" if value is None else value if isinstance(value, date) else str(value)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _listed(value: Any) -> list[str]:
    return [
        normal_name(str(part)) for part in (value if isinstance(value, list) else str(value).split(BETWEEN))
    ]
