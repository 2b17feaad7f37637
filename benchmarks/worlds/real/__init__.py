"""Real and real-like weekly tables, read where they lie, with the specification an analyst would write for each.

Those that have a model in `models/` are fitted with that one; the others' specifications lie beside this file.
GeoLift's tables hold no media and Hyndman's is monthly: neither is a table for a model of weekly media.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.common.systems import ROOT
from benchmarks.worlds.published import find
from mmm_core.spec.model_spec import ModelSpec, parse_spec

HERE = Path(__file__).parent


@dataclass(frozen=True)
class RealTable:
    """A table without a known truth, and how it is forecast.

    Attributes:
        mapping: the specification, as its YAML has it.
        origins, step: so many origins, so many weeks apart; the last lies one horizon before the end.
    """

    name: str
    table: pd.DataFrame
    mapping: dict[str, Any]
    origins: int
    step: int

    def spec(self, changes: dict[str, Any] | None = None) -> ModelSpec:
        """The specification, with some keys changed."""
        return parse_spec(merged(self.mapping, changes or {}))


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `more`; mappings within are merged likewise."""
    out = dict(base)
    for key, value in more.items():
        inner = out.get(key)
        out[key] = merged(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return out


def real_tables() -> list[RealTable]:
    """Every table that is at hand."""
    found = []
    for name, (parts, read, origins, step) in _TABLES.items():
        path = find(*parts)
        if path is None:
            continue
        model = ROOT / "models" / f"{name}.yaml"
        text = (model if model.is_file() else HERE / f"{name}.yaml").read_text(encoding="utf-8")
        found.append(RealTable(name, read(path), yaml.safe_load(text), origins, step))
    return found


def _plain(time: str, **options: Any) -> Callable[[Path], pd.DataFrame]:
    return lambda path: pd.read_csv(path, parse_dates=[time], **options)


def _conjura(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, parse_dates=["date"]).rename(columns={"date": "week_start"})


def _retailer(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, parse_dates=["wk_strt_dt"]).rename(columns={"wk_strt_dt": "week_start"})


_TABLES: dict[str, tuple[tuple[str, str], Callable[[Path], pd.DataFrame], int, int]] = {
    "conjura_single_series": (
        ("conjura_single_series", "conjura_596eef7c_weekly.csv"), _conjura, 4, 6
    ),
    "sibylhe_mmm_stan": (("sibylhe_mmm_stan", "data.csv"), _retailer, 6, 13),
    "robyn_simulated": (("robyn", "dt_simulated_weekly.csv"), _plain("DATE"), 6, 13),
    "meridian_national": (("meridian", "national_all_channels.csv"), _plain("time"), 6, 13),
    "meridian_geo": (("meridian", "geo_all_channels.csv"), _plain("time", index_col=0), 4, 13),
}  # fmt: skip
"""Of each table: its file, how it is read, origins and weeks between them."""
