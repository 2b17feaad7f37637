"""A picture of what a model said of its lift tests, without each of them and with all, beside what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.plots.style import INK, QUIET, colour, legend, new_figure, styled, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEFORE, AFTER = QUIET, colour(0)
APART = 0.22
"""Distance of the lines of one test, in rows."""
Z = 1.645
"""Standard errors from a measurement to the ends of its 90 % interval."""


@styled
def calibration(tests: pd.DataFrame, approximate: str = "") -> Figure:
    """A row a test: replayed lift without it and with it, and the measurement, each with its 90 % interval.

    All by the unit of tested spend, so that tests of any size share an axis; on the right the probability of a result
    that far out under the model without the test.

    Args:
        tests: the table of `mmm_core.agreement.tables.TESTS`; one row at least.
        approximate: what is approximate about the engine.
    """
    figure, (axes,) = new_figure(8.5, 1.6 + 0.62 * len(tests), grid="x")
    places = np.arange(len(tests))[::-1]
    for number, (place, row) in enumerate(zip(places, tests.to_dict("records"), strict=True)):
        unit = row["incremental_spend"]
        measured, error = row["measured"], Z * row["calibrating_error"]
        lines = (
            ("model without it", [row[f"unseen_lift{end}"] for end in ("_q05", "", "_q95")], BEFORE, 4.0),
            ("model with it", [row[f"calibrated_lift{end}"] for end in ("_q05", "", "_q95")], AFTER, 4.0),
            ("measured", [measured - error, measured, measured + error], INK, 1.3),
        )
        for line, (label, figures, hue, width) in enumerate(lines):
            height = place + APART * (1 - line)
            _interval(
                axes, [value / unit for value in figures], height, hue, width, label if number == 0 else None
            )
        _odds(axes, place, row["unseen_p_value"])
    axes.axvline(0, color=QUIET, lw=0.8, zorder=0)
    channels = tests["channels"].str.replace(";", ", ")
    axes.set_yticks(places, (tests["test_id"] + "\n" + channels).to_list())
    axes.set_ylim(-0.6, len(tests) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("incremental outcome per unit of tested spend")
    words = "90 % intervals; p: chance of a result as far out, by the model without it"
    title(axes, "Lift tests: what the model says, and what was measured", approximate or words)
    legend(figure, axes, 3)
    return figure


def _interval(
    axes: Axes, figures: Sequence[float], height: float, hue: str, width: float, label: str | None
) -> None:
    low, middle, high = sorted(figures)  # spend that was cut turns both ends
    axes.plot(
        [low, high], [height, height], color=hue, lw=width, solid_capstyle="butt", alpha=0.55, label=label
    )
    axes.plot([middle], [height], color=hue, marker="o", ms=4.5, lw=0)


def _odds(axes: Axes, place: float, p_value: float) -> None:
    words = "" if p_value != p_value else f"p {p_value:.2f}" if p_value >= 0.005 else f"p {p_value:.0e}"
    axes.annotate(
        words, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=8,
        color=INK if p_value >= 0.1 else "#c2514f", annotation_clip=False,
    )  # fmt: skip
