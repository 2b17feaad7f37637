"""A read-out becomes a lift test that the readers of lift tests take as it is."""

from datetime import date

import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import TestedSpend
from mmm_core.evidence.reader import read_lift_tests
from mmm_core.readout.as_evidence import lift_test, post_weeks, row
from mmm_core.readout.experiment import design, parse_cells, parse_window
from mmm_core.readout.panel import panel_of
from mmm_core.readout.read_out import read_out
from tests.mmm_core.readout.panels import outcomes, table, treat


@pytest.fixture(scope="module")
def found():
    panel = panel_of(table(treat(outcomes(geos=8), [0, 1], 25.0)))
    return read_out(
        panel, design(panel, parse_cells(["g00,g01"]), parse_window("2024-03-01:2024-03-04"), post=11)
    )[0]


def test_the_record(found):
    test = lift_test(found, "tv-2024", {"tv": TestedSpend(5000, 0)}, "kpi", "USD")
    assert (test.incremental, test.standard_error) == (found.incremental, found.standard_error)
    assert (test.start, test.end, test.reported) == (date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 15))
    assert (test.geos, test.outcome, test.currency, test.design) == (
        ("g00", "g01"),
        "kpi",
        "USD",
        "geo_scale_up",
    )
    assert test.status is None


@pytest.mark.parametrize(
    ("actual", "without", "design"), [(5, 0, "geo_scale_up"), (0, 5, "geo_holdout"), (2, 5, "scale_down")]
)
def test_the_design_is_what_spend_did(found, actual, without, design):
    assert lift_test(found, "t", {"tv": TestedSpend(actual, without)}).design == design


def test_weeks_after_the_window_are_whole_ones(found):
    # 4 March 2024 is a Monday: its week ends on the 10th, and 5 days are left of the 11 measured after it.
    assert post_weeks(found) == 0
    panel = panel_of(table(outcomes(geos=8)))
    daily = read_out(
        panel, design(panel, parse_cells(["g00"]), parse_window("2024-03-01:2024-03-03"), post=8)
    )[0]
    assert post_weeks(daily) == 1
    weekly = panel_of(table(outcomes(geos=8), pd.date_range("2023-01-04", periods=75, freq="7D")))
    plan = design(weekly, parse_cells(["g00"]), parse_window("2024-05-01:2024-05-14"), post=3)
    assert post_weeks(read_out(weekly, plan)[0]) == 3


def test_the_row_is_read_back_as_the_same_test(found, tmp_path):
    test = lift_test(
        found, "tv-2024", {"tv": TestedSpend(5000, 0), "radio": TestedSpend(10, 20.5)}, currency="EUR"
    )
    path = tmp_path / "lift_tests.csv"
    pd.DataFrame([row(test, found)]).to_csv(path, index=False)
    assert read_lift_tests(path) == (test,)


def test_spend_that_makes_no_test(found):
    for spend, words in (
        ({}, "needs the channel"),
        ({"tv": TestedSpend(-1, 0)}, "spend of tv is negative"),
        ({"tv": TestedSpend(5, 5)}, "spend of tv with and without the test is the same"),
        (
            {"tv": TestedSpend(5, 5), "ooh": TestedSpend(5, 0)},
            "spend of tv .* is the same: .*, or leave the channel out",
        ),
        ({"tv": TestedSpend(5, 0), "ooh": TestedSpend(0, 5)}, "spend with and without the test is the same"),
    ):
        with pytest.raises(InputError, match=words):
            lift_test(found, "t", spend)
