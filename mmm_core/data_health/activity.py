"""When a channel is on: weeks on, bursts, the longest pause, how much it varies, and whether it breaks off at the end.

A week is off where its media are below a twentieth of a usual week with media: what trickles on after a campaign was
stopped teaches no more than 0 does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.data_health.finding import Finding, Verdict, at_least, at_most, day, weeks
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "activity"

TRICKLE = 0.05
"""Share of the median week with media below which a week is off."""

MOVED = 0.1
"""A week's media have changed where they differ from the week before by more than this share of their mean."""

STEADY, ALWAYS = 0.9, 0.98
"""Share of the weeks between its first and last one in which a channel is on: a steady one does not end unsaid, and
of one that is always on a single week off is no plan."""


@dataclass(frozen=True)
class Activity:
    """When one channel is on.

    Attributes:
        on: (week,) whether it is, in any geo.
        changed: share of the weeks that differ from the week before.
    """

    on: np.ndarray
    changed: float

    @property
    def bursts(self) -> int:
        """Runs of weeks in which it is on."""
        return len(runs(self.on))

    @property
    def longest_off(self) -> tuple[int, int]:
        """First and last position of its longest pause between weeks on; (0, -1) without one."""
        positions = np.flatnonzero(self.on)
        if not len(positions):
            return 0, len(self.on) - 1
        first, last = positions[0], positions[-1]
        pauses = [(a + first, b + first) for a, b in runs(~self.on[first : last + 1])]
        return max(pauses, key=lambda pause: pause[1] - pause[0], default=(0, -1))

    @property
    def silent_end(self) -> int:
        """Weeks at the end in which a steady channel is off; 0 of one that pauses anyway."""
        positions = np.flatnonzero(self.on)
        if not len(positions):
            return 0
        first, last = positions[0], positions[-1]
        steady = float(self.on[first : last + 1].mean()) >= STEADY and last - first + 1 >= 13
        return int(len(self.on) - 1 - last) if steady else 0

    @property
    def gaps(self) -> list[int]:
        """Positions of the weeks between weeks on in which a channel that is always on is off."""
        positions = np.flatnonzero(self.on)
        if not len(positions):
            return []
        first, last = positions[0], positions[-1]
        inside = self.on[first : last + 1]
        if not inside.mean() >= ALWAYS:
            return []
        return [int(position) + int(first) for position in np.flatnonzero(~inside)]

    @property
    def silent(self) -> list[int]:
        """Positions of the weeks off of a channel that is on week by week, those at its end among them."""
        return [*self.gaps, *range(len(self.on) - self.silent_end, len(self.on))]


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last position of every run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def activity_of(values: np.ndarray) -> Activity:
    """When media (geo, week) are on; a missing value is off: leave out the weeks of which nothing is known."""
    media = np.nan_to_num(values)
    positive = media[media > 0]
    usual = np.median(positive) if len(positive) else np.inf
    on = (media > TRICKLE * usual).any(axis=0)
    mean = media.mean(axis=1, keepdims=True)
    moved = (np.abs(np.diff(media, axis=1)) > MOVED * mean).any(axis=0)
    return Activity(on, float(moved.mean()) if media.shape[1] > 1 else 0.0)


def activity(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Of every channel weeks on, longest pause, share of weeks that changed, and weeks off at the end.

    All of it is of the weeks whose media are known in some geo: whether a week that is missing was off, nobody can say.
    """
    for name, values in panel.media.items():
        known = known_weeks(values)
        weeks_known, found = panel.weeks[known], activity_of(values[:, known])
        on, bursts = int(found.on.sum()), found.bursts
        verdict = at_least(on, rule.weeks_on)
        words = f"{name}: on in {on} of {weeks(len(found.on))}, {bursts} {'run' if bursts == 1 else 'runs'}"
        if verdict != "ok":
            words += (
                f", at least {weeks(rule.weeks_on)} wanted: too few to tell it from whatever else happened "
                "then: leave it "
                "out, merge it, or test it"
            )
        yield _of(name, "weeks_on", on, rule.weeks_on, verdict, words)
        yield _pause(weeks_known, name, found, rule)
        yield _changed(name, found, rule)
        yield _breaks_off(weeks_known, name, found)


def _of(name: str, measure: str, value: float, threshold: float, verdict: Verdict, words: str) -> Finding:
    return Finding(FAMILY, measure, name, float(value), float(threshold), verdict, words)


def known_weeks(values: np.ndarray) -> np.ndarray:
    """Positions of the weeks in which media (geo, week) are known in some geo; all of them where none is."""
    known = np.isfinite(values).any(axis=0)
    return np.flatnonzero(known) if known.any() else np.arange(len(known))


def _pause(known: pd.DatetimeIndex, name: str, found: Activity, rule: DataHealth) -> Finding:
    first, last = found.longest_off
    length = last - first + 1
    verdict = at_most(length, rule.weeks_off)
    if not length:
        return _of(name, "longest_pause", 0, rule.weeks_off, "ok", f"{name}: no pause between its weeks on")
    start, end = known[first], known[last]
    words = f"{name}: its longest pause has {weeks(length)}, from {day(start)} to {day(end)}"
    if verdict != "ok":
        words += (
            f", at most {rule.weeks_off} wanted: what came before may have been another channel: ask whether "
            "it was off or "
            "its data are missing, and model it from its return on if it changed"
        )
    return Finding(
        FAMILY, "longest_pause", name, length, rule.weeks_off, verdict, words, first_week=start, last_week=end
    )


def _changed(name: str, found: Activity, rule: DataHealth) -> Finding:
    verdict = at_least(found.changed, rule.changed)
    words = f"{name}: its media change in {found.changed:.0%} of the weeks"
    if verdict != "ok":
        words += (
            f", at least {rule.changed:.0%} wanted: what never moves explains nothing: vary it, or test it"
        )
    return _of(name, "share_changed", found.changed, rule.changed, verdict, words)


def _breaks_off(known: pd.DatetimeIndex, name: str, found: Activity) -> Finding:
    """Zeros where there never are any: an export that was cut off, or a source that was away."""
    end, positions = found.silent_end, found.silent
    if not positions:
        return _of(name, "silent_weeks", 0, 0, "ok", f"{name}: no week off where it is on week by week")
    where = ", ".join(day(known[position]) for position in positions[:5])
    more = f" and {len(positions) - 5} more" if len(positions) > 5 else ""
    words = (
        f"{name}: on week by week, and without any in {weeks(len(positions))} ({where}{more})"
        f"{f', the last {weeks(end)} of the table' if end else ''}: ask whether the export was cut off; if so write "
        "the spend, or end the window before (`time: {to: ...}`)"
    )
    return Finding(
        FAMILY, "silent_weeks", name, float(len(positions)), 0.0, "warn", words,
        first_week=known[positions[0]], last_week=known[positions[-1]],
    )  # fmt: skip
