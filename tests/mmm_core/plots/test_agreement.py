"""The picture of what the tests moved shows the figures of the table."""

import io

import pytest

from mmm_core.agreement.report import calibration_report
from mmm_core.plots.agreement import Z, calibration
from tests.mmm_core.agreement.calibrated import calibrated


@pytest.fixture(scope="module")
def tests_table():
    return calibration_report(calibrated({"tv-1": 1.1, "search-1": 30.0})).tests


def test_a_row_a_test_with_what_the_model_says_and_what_was_measured(tests_table):
    figure = calibration(tests_table)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["search-1\nsearch", "tv-1\ntv"]
    row = tests_table.set_index("test_id").loc["search-1"]
    ends = {line.get_label(): line.get_xdata() for line in axes.get_lines()}
    unit = row["incremental_spend"]
    assert ends["model without it"] == pytest.approx(row[["unseen_lift_q05", "unseen_lift_q95"]] / unit)
    assert ends["model with it"] == pytest.approx(row[["calibrated_lift_q05", "calibrated_lift_q95"]] / unit)
    error = Z * row["calibrating_error"]
    assert ends["measured"] == pytest.approx(
        [(row["measured"] - error) / unit, (row["measured"] + error) / unit]
    )
    assert {text.get_text() for text in axes.texts} >= {
        f"p {p:.2f}" if p >= 0.005 else f"p {p:.0e}" for p in tests_table["unseen_p_value"]
    }


def test_a_test_that_cut_spend_lies_where_one_that_raised_it_does(tests_table):
    cut = tests_table.copy()
    figures = [name for name in cut if name.endswith(("lift", "lift_q05", "lift_q95"))]
    cut[[*figures, "measured", "incremental_spend"]] *= -1
    for ours, theirs in zip(
        *(calibration(each).axes[0].get_lines() for each in (tests_table, cut)), strict=True
    ):
        assert sorted(ours.get_xdata()) == pytest.approx(sorted(theirs.get_xdata()))


def test_it_is_a_small_png_and_says_what_is_approximate(tests_table):
    out = io.BytesIO()
    figure = calibration(tests_table, "approximate: Laplace")
    figure.savefig(out, format="png", dpi=100)
    assert 10_000 < len(out.getvalue()) < 200_000
    assert "approximate: Laplace" in {text.get_text() for text in figure.axes[0].texts}
