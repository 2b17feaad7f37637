"""The waves of a brand tracker: a table with a row a wave, checked, and parted by metric.

Two forms are read. `metric, start, end, share, sample` says it all: first and last day of fieldwork, share of the
answers (0 to 1), how many answered. `metric, month_start, value, sample_size` is the house's monthly tracker: a wave
then lasts the month.

Waves that no week of the model sees, and those of nobody, are set aside and said; a wave that begins after the as-of
week is refused, as nobody can know of it. Between waves nothing is filled in: months without a wave are said too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmm_core.data.cells import day_column, number_column, text_of
from mmm_core.data.reader import read_table
from mmm_core.data.table import matching
from mmm_core.errors import InputError, listed, nearest
from mmm_core.inputs import name_of
from mmm_core.long_term.series import ALIKE

COLUMNS = ("metric", "start", "end", "share", "sample")
MONTHLY = {"month_start": "start", "value": "share", "sample_size": "sample"}
DAY = pd.Timedelta(days=1)
GAP = 1.6
"""Times the usual distance between two waves from which a wave is missing."""
OVERLAP = 1.2
"""Waves in the field on a day, on average, from which they are said to overlap."""


@dataclass(frozen=True)
class Surveys:
    """What a model reads of a brand tracker.

    Attributes:
        by_metric: waves of each metric, in the rule's order: start, end, share, sample.
        aside: waves that are not read, with the column `why`.
        notes: in words, what is missing and what was set aside.
    """

    by_metric: Mapping[str, pd.DataFrame]
    aside: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """The waves that are read, one after the other, with their metric."""
        parts = [waves.assign(metric=name) for name, waves in self.by_metric.items()]
        return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def read_waves(path: str | Path, keep: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The waves in a CSV or Parquet file, as `waves` returns them.

    Args:
        keep: the model's `filter`: of columns that the file has too, such as its market, only these values.

    Raises:
        InputError: no such file, no row is kept, or as `waves`.
    """
    rows, source = read_table(path), name_of(path)
    for column, value in (keep or {}).items():
        if column in rows.columns:
            rows = matching(rows, column, value, source)
    return waves(rows, source)


def waves(table: pd.DataFrame, source: str = "surveys") -> pd.DataFrame:
    """A table of waves in its one form.

    Args:
        table: metric, start, end, share, sample; or metric, month_start, value, sample_size. Of one market.
        source: opens every message.

    Returns:
        metric (text), start and end (days), share and sample (numbers, nan where blank), sorted.

    Raises:
        InputError: a column is missing, a day or number that is none, a share outside 0 to 1, an end before its start,
            or two waves of a metric that begin on one day.
    """
    theirs = {new: old for old, new in MONTHLY.items() if new not in table.columns and old in table.columns}
    called = {name: theirs.get(name, name) for name in COLUMNS}
    monthly = "start" in theirs and "end" not in table.columns
    missing = [
        name for name in COLUMNS if called[name] not in table.columns and not (monthly and name == "end")
    ]
    if missing:
        raise InputError(
            f"{source}: no column {listed(missing)}: a brand survey has metric, start, end, share, sample, or "
            "metric, month_start, value, sample_size"
        )
    begin = day_column(table, called["start"], source)
    out = pd.DataFrame(
        {
            "metric": text_of(table["metric"]).str.strip(),
            "start": begin,
            "end": begin + pd.offsets.MonthEnd(0) if monthly else day_column(table, "end", source),
            "share": number_column(table, called["share"], source),
            "sample": number_column(table, called["sample"], source),
        }
    ).sort_values(["metric", "start"], ignore_index=True)
    nameless = out["metric"].isna() | (out["metric"] == "")
    if nameless.any():
        raise InputError(
            f"{source}: {int(nameless.sum())} waves have no metric: fill it in, or take the rows out"
        )
    blank = out["start"].isna() | out["end"].isna()
    if blank.any():
        raise InputError(
            f"{source}: {int(blank.sum())} waves have no day they begin or end on: write YYYY-MM-DD"
        )
    _refuse(out, out["share"].isna(), "no share: leave the row out where nobody was asked", source)
    _refuse(
        out,
        (out["share"] < 0) | (out["share"] > 1),
        "a share outside 0 to 1: percentages are divided by 100",
        source,
    )
    _refuse(out, out["sample"] < 0, "a sample below 0", source)
    _refuse(out, out["end"] < out["start"], "an end before its start", source)
    twice = out.duplicated(["metric", "start"], keep=False)
    what = "another one of the same metric that begins on the same day: keep one, or, of several markets, those of one"
    _refuse(out, twice, what, source)
    return out


def surveys_of(
    table: pd.DataFrame, metrics: Sequence[str], weeks: pd.DatetimeIndex, as_of: pd.Timestamp | None = None
) -> Surveys:
    """The waves that a model reads of its metrics.

    Args:
        table: of `waves`. metrics: of the rule. weeks: first days of the model's weeks.
        as_of: first day of the as-of week; by default the last of `weeks`.

    Raises:
        InputError: a metric has no wave, too few in the weeks, a share that never changes, or one that is a copy of
            another metric's; a wave that begins after the as-of week.
    """
    known = sorted(set(table["metric"]))
    for name in metrics:
        if name not in known:
            raise InputError(f"long_term.metrics: no survey has the metric '{name}': {nearest(name, known)}")
    table = table[table["metric"].isin(list(metrics))]
    last = (weeks[-1] if as_of is None else max(as_of, weeks[-1])) + pd.Timedelta(days=6)
    _refuse(table, table["start"] > last, f"its first day after the as-of week, which ends on {last:%Y-%m-%d}: nobody "
            "can know of it yet; take it out", "surveys")  # fmt: skip
    end = weeks[-1] + pd.Timedelta(days=6)
    why = pd.Series("", index=table.index)
    why[table["start"] > end] = f"begins after the model's last week, which ends on {end:%Y-%m-%d}"
    why[table["end"] < weeks[0]] = f"ends before the model's first week, {weeks[0]:%Y-%m-%d}"
    whole = (table["end"] - table["start"]).dt.days + 1
    begins = table["start"].where(table["start"] > weeks[0], weeks[0])
    seen = (table["end"].where(table["end"] < end, end) - begins).dt.days + 1
    why[(why == "") & (2 * seen < whole)] = "has most of its days outside the model's weeks"
    why[table["end"] > last] = (
        f"ends after the as-of week, on whose last day, {last:%Y-%m-%d}, nobody knew of it"
    )
    why[~(table["sample"] >= 1)] = "says of no respondents: its error cannot be known"
    read = table[why == ""]
    aside = table.assign(why=why)[why != ""]
    parts = {
        name: read[read["metric"] == name].drop(columns="metric").reset_index(drop=True) for name in metrics
    }
    for name, part in parts.items():
        _check_metric(name, part, _set_aside(aside[aside["metric"] == name]))
    _refuse_copies(parts)
    notes = (*_set_aside(aside), *_missing(parts, weeks[0], end), *_overlapping(parts))
    return Surveys(parts, aside.reset_index(drop=True), notes)


def _check_metric(name: str, part: pd.DataFrame, aside: list[str]) -> None:
    """Refuse a metric that nothing can be learned of; `aside` says why waves of it were not read."""
    from mmm_core.long_term.survey import FEWEST_WAVES

    if len(part) < FEWEST_WAVES:
        raise InputError(
            f"metric '{name}' has {len(part)} waves that can be read: it takes {FEWEST_WAVES} in the model's weeks to "
            f"see it move; take it out of long_term.metrics, or add waves{''.join(f'. {words}' for words in aside)}"
        )
    if np.ptp(part["share"].to_numpy()) == 0:
        raise InputError(
            f"metric '{name}' is {part['share'].iloc[0]:g} in all {len(part)} waves: nothing can be learned of what "
            "never changes; take it out of long_term.metrics"
        )


def _refuse_copies(parts: Mapping[str, pd.DataFrame]) -> None:
    names = list(parts)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = parts[first].merge(parts[second], on="start", suffixes=("", "_other"))
            if len(both) < 3:
                continue
            correlation = np.corrcoef(both["share"], both["share_other"])[0, 1]
            if abs(correlation) > ALIKE:
                raise InputError(
                    f"metrics '{first}' and '{second}' are copies of one another in their {len(both)} common waves: "
                    "nothing tells them apart; take one out of long_term.metrics"
                )


def _set_aside(aside: pd.DataFrame) -> list[str]:
    """Waves that are not read, in words."""
    found = []
    for (metric, why), rows in aside.groupby(["metric", "why"], sort=False):
        days = listed(f"{day:%Y-%m-%d}" for day in rows["start"])
        how_many, which = ("1 wave", "which") if len(rows) == 1 else (f"{len(rows)} waves", "each")
        found.append(f"{metric}: {how_many} set aside ({days}), {which} {why}")
    return found


def _missing(parts: Mapping[str, pd.DataFrame], first: pd.Timestamp, last: pd.Timestamp) -> list[str]:
    """Gaps between waves, before the first of them and after the last, in words.

    Args:
        first, last: day of the model's weeks.
    """
    found = []
    for name, part in parts.items():
        apart = np.diff(part["start"].to_numpy()) / np.timedelta64(1, "D")
        usual = float(np.median(apart))
        after = [first - DAY, *part["end"]]  # the last day before each gap
        until = [*part["start"], last + DAY]
        days = [(until[0] - first).days, *apart, (last - after[-1]).days]
        wide = [place for place in range(len(after)) if days[place] > GAP * usual]
        if wide:
            spans = listed(
                f"{after[place] + DAY:%Y-%m-%d} to {until[place] - DAY:%Y-%m-%d}" for place in wide
            )
            found.append(
                f"{name}: no wave in {spans}; its weeks there are uncertain, nothing is carried forward"
            )
    return found


def _overlapping(parts: Mapping[str, pd.DataFrame]) -> list[str]:
    """Metrics whose waves hold the same answers several times, in words."""
    from mmm_core.long_term.survey import asked_at_once

    found = []
    for name, part in parts.items():
        often = float(asked_at_once(part).mean())
        if often >= OVERLAP:
            found.append(
                f"{name}: its waves overlap, a day is in {often:.1f} of them on average, as of averages of the last "
                f"weeks: each counts as if {1 / often:.0%} of its respondents had been asked for it alone"
            )
    return found


def _refuse(table: pd.DataFrame, wrong: pd.Series, words: str, source: str) -> None:
    if wrong.any():
        rows = table[wrong]
        which = listed(dict.fromkeys(f"{row.metric} from {row.start:%Y-%m-%d}" for row in rows.itertuples()))
        one = len(rows) == 1
        raise InputError(
            f"{source}: the {'wave' if one else 'waves'} of {which} {'has' if one else 'have'} {words}"
        )
