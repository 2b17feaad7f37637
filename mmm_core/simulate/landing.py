"""Writing the sample world: raw exports into a landing folder, and the truth into a folder beside it.

Files are made complete in a temporary folder next to the target and then moved into place one by one, so a reader meets
whole files only. A file whose bytes would stay the same is left alone, and keeps its time stamp.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from mmm_core.json_text import dumps
from mmm_core.simulate.attribution import attribution_truth
from mmm_core.simulate.draws import week_start
from mmm_core.simulate.experiments import lift_tests
from mmm_core.simulate.exports import exchange_rates, market_tables
from mmm_core.simulate.rows import RawTable
from mmm_core.simulate.truth import MarketTruth
from mmm_core.simulate.world import CALIBRATION, World

StrPath = str | os.PathLike[str]
HORIZONS = (13, 24, 52)


def raw_tables(world: World) -> list[RawTable]:
    """Every landing table of the world, its markets one below the other."""
    parts: dict[tuple[str, str], list[RawTable]] = {}
    for market in world.markets:
        for table in market_tables(market):
            parts.setdefault((table.source, table.name), []).append(table)
    longest = max(world.markets, key=lambda market: market.window.weeks)
    return [*map(_stack, parts.values()), exchange_rates(longest)]


def write_landing(world: World, folder: StrPath) -> list[Path]:
    """Write the raw exports as `<folder>/<source>/<table>/<table>_<year>.csv` and return the paths.

    Yearly files of an earlier world that this one has not are removed; other tables in the folder are not touched.
    """
    files: dict[Path, pd.DataFrame] = {}
    owned: list[Path] = []
    for table in raw_tables(world):
        place = Path(table.source) / table.name
        owned.append(place)
        files |= {place / name: rows for name, rows in _files(table)}
    with _replacing(Path(folder)) as fresh:
        for path, rows in files.items():
            _write_csv(rows, fresh / path)
    for place in owned:
        for path in (Path(folder) / place).glob(f"{place.name}*.csv"):
            if place / path.name not in files:
                path.unlink()
    return [Path(folder) / path for path in files]


def write_truth(world: World, folder: StrPath) -> list[Path]:
    """Write what made the world and return the paths. Nothing in the pipeline may read these files.

    channels.csv: parameters of each channel. weekly_<market>.csv: baseline parts, contributions, noise and revenue by
    geo and week, USD. without_channel.csv: weekly revenue without each channel, lost in the short and in the long term.
    long_term_roi.csv: what a USD brings by way of the brand, by horizon. geo_effects.csv: each geo's multiple of a
    channel's effect. lift_tests.csv: with the true results. attribution.csv: how far each report is off. truth.json:
    all that fits into one view.
    """
    truths = [market.truth for market in world.markets]
    channels = pd.concat([_of(truth.market, truth.channel_table()) for truth in truths])
    effects = pd.concat(
        [_of(truth.market, truth.geo_effect.to_series().rename("effect").reset_index()) for truth in truths]
    )
    tables = {
        "channels.csv": channels,
        "geo_effects.csv": effects,
        "lift_tests.csv": pd.concat([lift_tests(market) for market in world.markets]),
        "attribution.csv": pd.concat(
            [_of(market.name, attribution_truth(market)) for market in world.markets]
        ),
        "without_channel.csv": pd.concat(
            [_of(truth.market, truth.without_channel_table()) for truth in truths]
        ),
        "long_term_roi.csv": pd.concat([_of(truth.market, _by_horizon(truth)) for truth in truths]),
        **{f"weekly_{truth.market}.csv": truth.weekly_table() for truth in truths},
    }
    with _replacing(Path(folder)) as fresh:
        for name, rows in tables.items():
            _write_csv(rows, fresh / name)
        text = dumps(_summary(world), indent=2)
        (fresh / "truth.json").write_text(text + "\n", encoding="utf-8")
    return [Path(folder) / name for name in (*tables, "truth.json")]


def _summary(world: World) -> dict[str, object]:
    return {
        "seed": world.seed,
        "last_week": world.last_week.isoformat(),
        "drawn_over": [week_start(CALIBRATION.first).isoformat(), week_start(CALIBRATION.last).isoformat()],
        "markets": {
            market.name: {
                "first_week": week_start(market.window.first).isoformat(),
                "weeks": market.window.weeks,
                "l_max": market.truth.l_max,
                "sigma": market.truth.sigma,
                "tau": market.truth.tau,
                "consumer_confidence_effect": market.truth.consumer_confidence_effect,
                "competitor_spend_effect": market.truth.competitor_spend_effect,
                "channels": {channel.channel: vars(channel) for channel in market.truth.channels},
            }
            for market in world.markets
        },
    }


def _by_horizon(truth: MarketTruth) -> pd.DataFrame:
    """Rows channel x horizon in weeks; the long run has none."""
    by_horizon = {f"{horizon}": truth.long_term_roi(horizon) for horizon in HORIZONS}
    by_horizon["long run"] = pd.Series({channel.channel: channel.long_run_roi for channel in truth.channels})
    table = pd.DataFrame(by_horizon).rename_axis("channel").reset_index()
    return table.melt("channel", var_name="horizon_weeks", value_name="long_term_roi")


def _of(market: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "market", market)
    return table


def _stack(tables: list[RawTable]) -> RawTable:
    """The same table of several markets as one, oldest rows first: a file that grows then only gains lines."""
    first = tables[0]
    rows = pd.concat([table.rows for table in tables], ignore_index=True)
    if first.day is None:
        return RawTable(first.source, first.name, rows, None)
    day = np.concatenate([table.day for table in tables if table.day is not None])
    order = np.argsort(day, kind="stable")
    return RawTable(
        first.source, first.name, rows.iloc[order].reset_index(drop=True), day[order], first.overlap_days
    )


def _files(table: RawTable) -> Iterator[tuple[str, pd.DataFrame]]:
    """Names and rows of the files a table is exported as, by calendar year of its days."""
    if table.day is None:
        yield f"{table.name}.csv", table.rows
        return
    days = table.day.astype("datetime64[D]")
    for year in np.unique(days.astype("datetime64[Y]")):
        from_day = year.astype("datetime64[D]") - np.timedelta64(table.overlap_days, "D")
        inside = (days >= from_day) & (days.astype("datetime64[Y]") <= year)
        yield f"{table.name}_{year}.csv", table.rows[inside]


def _write_csv(rows: pd.DataFrame, path: Path) -> None:
    """Dates as YYYY-MM-DD, numbers in their shortest exact form, nothing quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = rows.copy()
    for name in rows.select_dtypes("datetime"):
        rows[name] = rows[name].dt.strftime("%Y-%m-%d")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, quoting_style="none"))


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files take their places in `folder` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield fresh
        for path in sorted(fresh.rglob("*.*")):
            target = folder / path.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (target.exists() and filecmp.cmp(path, target, shallow=False)):
                path.replace(target)
    finally:
        shutil.rmtree(fresh)
