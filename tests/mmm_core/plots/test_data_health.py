"""Pictures of a table's health: gaps stay gaps, names are whole, and one bad week of many is seen."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from mmm_core.plots.data_health import DELIVERY, FLAG, delivered, series, together
from tests.mmm_core.data_health.tables import plain, report_of


def panel_called(figure, name):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == name)


def pixels(figure):
    """Colours of the picture, (row, column, 3), 0 to 1."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def test_weeks_without_rows_are_gaps_in_every_series_and_every_mark_is_explained():
    table = plain()
    table.loc[90, ["search_spend", "search_clicks"]] = 0
    absent = [50, 51, 53]
    report = report_of(table.drop(index=absent))
    figure = series(report)
    for name in ("revenue", "tv", "search", "confidence"):
        values = panel_called(figure, name).lines[0].get_ydata()
        assert np.flatnonzero(np.isnan(values)).tolist() == absent
        alone = panel_called(figure, name).lines[1].get_ydata()
        assert len(alone) == 1  # the week between two gaps, which no line shows
    solid = [line for line in panel_called(figure, "search").lines if line.get_color() == FLAG]
    assert [line.get_linestyle() for line in solid] == ["-"]  # the silent week alone, not those without rows
    words = " ".join(text.get_text() for text in figure.axes[0].texts).replace("\n", " ")
    for mark in (
        "dots:",
        "dashed lines:",
        "solid red lines:",
        "shaded:",
        "breaks where weeks or values are missing",
    ):
        assert mark in words


@pytest.mark.parametrize("name", ["confidence", "consumer_confidence_of_the_whole_country"])
def test_names_beside_the_correlations_are_within_the_picture(name):
    table = plain().rename(columns={"confidence": name})
    figure = together(report_of(table, controls=[name]))
    figure.canvas.draw()
    axes, whole = figure.axes[0], figure.bbox
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    assert len(labels) == 6
    for label in labels:
        box = label.get_window_extent()
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    assert axes.get_window_extent().width > whole.width / 4


def test_one_bad_week_of_four_years_is_seen():
    report = report_of(plain(208))
    rows = [(channel, week, "reported") for channel in ("tv", "search") for week in report.panel.weeks]
    delivery = pd.DataFrame(rows, columns=["channel", "week", "delivery"])
    delivery.loc[100, "delivery"] = "missing"
    figure = delivered(report, delivery)
    picture = pixels(figure)
    row = picture[
        int(picture.shape[0] - figure.axes[0].transData.transform((0, 0))[1])
    ]  # through the cells of tv
    good, bad = (np.abs(row - to_rgb(DELIVERY[state])).max(axis=1) < 0.02 for state in (0, 4))
    box = figure.axes[0].get_window_extent()
    assert good.sum() > 0.95 * box.width
    assert bad.sum() >= 2
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "v" and len(line.get_xdata())]
    assert [(line.get_color(), len(line.get_xdata())) for line in marks] == [(FLAG, 1)]
