"""The picture of past forecasts shows each of them, and leaves a gap where there is no naive forecast."""

import numpy as np
import pandas as pd

from mmm_core.plots.track_record import track_record


def test_each_horizon_is_a_line_of_its_forecasts():
    weeks = pd.date_range("2026-03-02", periods=3, freq="7D")
    table = pd.concat(
        pd.DataFrame(
            {
                "forecast_as_of": weeks,
                "horizon": horizon,
                "crps": [1.0, 2.0, 3.0],
                "crps_naive": [2.0, 2.0, np.nan],
                "coverage_90": [0.75, 1.0, 0.5],
            }
        )
        for horizon in (4, 13)
    )
    figure = track_record(table[::-1])
    left, right = figure.axes
    of_weeks = [[line for line in axes.lines if len(line.get_xdata()) == 3] for axes in (left, right)]
    assert [len(lines) for lines in of_weeks] == [2, 2]
    np.testing.assert_array_equal(of_weeks[0][0].get_ydata(), [0.5, 1.0, np.nan])
    np.testing.assert_array_equal(of_weeks[1][1].get_ydata(), [0.75, 1.0, 0.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["4 weeks ahead", "13 weeks ahead"]
