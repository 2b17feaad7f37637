"""JSON that every parser reads: a figure that does not exist is null, never NaN or Infinity, which are no JSON."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def plain(value: Any) -> Any:
    """The value as JSON has it: numbers, text, lists and mappings; null for a number that is not finite or missing.

    Arrays, NumPy scalars, dates, paths, sets and dataclasses become what they hold.

    Raises:
        TypeError: something else.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if type(value).__module__ == "numpy":  # known without importing it
        return plain(value.astype("datetime64[us]").tolist() if value.dtype.kind == "M" else value.tolist())
    if isinstance(value, dt.date):  # and its subclasses, pandas' timestamps among them; NaT is not itself
        return value.isoformat() if value == value else None
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(inner) for inner in value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def dumps(value: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    """`value` as JSON text."""
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, allow_nan=False)
