"""What the tests moved, in words: a line a channel, and which results the model had not foreseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmm_core.agreement.tables import ALL_TESTS
from mmm_core.plural import plural

NOTICED = 0.5
"""Posterior standard deviations from which on a test is said to have moved a channel that it did not test."""
LEVEL = 0.01
"""Chance with which any result of a right model is called unforeseen, all tests together (Bonferroni)."""


@dataclass(frozen=True)
class ChannelMove:
    """What the tests did to the ROI of one channel.

    Attributes:
        before, after: posterior mean, 5 % and 95 % quantile without any test and with all.
        own: tests of the channel. others: tests of other channels that moved it.
    """

    channel: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    own: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def figures(self) -> tuple[str, str]:
        """ROI before and after, with 90 % intervals."""
        return _interval(self.before), _interval(self.after)

    @property
    def by(self) -> str:
        """By which tests."""
        by = [f"by {', '.join(self.own)}"] if self.own else ["no test of its own"]
        return ", ".join(by + ([f"moved with {', '.join(self.others)}"] if self.others else []))

    @property
    def words(self) -> str:
        """ROI before and after, and by which tests."""
        before, after = self.figures
        return f"ROI {before} -> {after}, {self.by}"


def channel_moves(roi: pd.DataFrame) -> list[ChannelMove]:
    """A line a channel, from the table of `mmm_core.agreement.tables.ROI`; none where there is no test."""
    single = roi[roi["left_out"] != ALL_TESTS]
    moves = []
    for row in roi[roi["left_out"] == ALL_TESTS].to_dict("records"):
        of_channel = single[single["channel"] == row["channel"]]
        far = of_channel[~of_channel["tested"] & (of_channel["shift"].abs() > NOTICED)]
        moves.append(
            ChannelMove(
                row["channel"],
                (row["roi_without"], row["roi_without_q05"], row["roi_without_q95"]),
                (row["roi_with"], row["roi_with_q05"], row["roi_with_q95"]),
                tuple(of_channel.loc[of_channel["tested"], "left_out"]),
                tuple(far["left_out"]),
            )
        )
    return moves


def unforeseen(tests: pd.DataFrame, level: float = LEVEL) -> list[str]:
    """The tests whose result the model without them holds next to impossible, a sentence each, the farthest first.

    Args:
        tests: the table of `mmm_core.agreement.tables.TESTS`.
    """
    far = tests[tests["unseen_p_value"] * len(tests) < level].sort_values("unseen_p_value")
    return [_unforeseen(row) for row in far.to_dict("records")]


def _unforeseen(row: Mapping[Any, Any]) -> str:
    channels = row["channels"].replace(";", ", ")
    return (
        f"{row['test_id']} ({channels}) measured {row['measured']:,.0f}; without it the model says "
        f"{row['unseen_lift']:,.0f} (90 % of results {row['unseen_low']:,.0f} to {row['unseen_high']:,.0f}, "
        f"p {row['unseen_p_value']:.2g}): look at its read-out, then at what the model has of {channels}"
    )


def unknown(tests: pd.DataFrame) -> list[str]:
    """Tests that could not be left out, by name."""
    return list(tests.loc[tests["unseen_method"] == "unknown", "test_id"])


def summary(tests: pd.DataFrame) -> str:
    """How many tests there are and how many the calibrated model holds, in a sentence."""
    if tests.empty:
        return "no lift test calibrates this model"
    count, inside = len(tests), int(tests["inside_90"].sum())
    words = f"{inside} of {plural(count, 'lift test')} within the 90 % predictive interval of the "
    words += "calibrated model"
    refits = int((tests["unseen_method"] == "refit").sum())
    return words + (f"; {refits} left out by a refit" if refits else "")


def _interval(figures: tuple[float, float, float]) -> str:
    mean, low, high = figures
    return "unknown" if mean != mean else f"{mean:.2f} ({low:.2f} to {high:.2f})"
