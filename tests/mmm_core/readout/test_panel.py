"""What a panel must be, and that each fault is named with what to do."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.readout.panel import panel_of, read_panel
from tests.mmm_core.readout.panels import outcomes, table


@pytest.fixture
def rows():
    return table(outcomes(periods=20, geos=4))


def refused(rows, words, **columns):
    with pytest.raises(InputError, match=words):
        panel_of(rows, **columns, source="panel.csv")


def test_a_daily_panel_whatever_the_order_of_its_rows(rows, tmp_path):
    values = outcomes(periods=20, geos=4)
    path = tmp_path / "panel.csv"
    rows.sample(frac=1, random_state=0).to_csv(path, index=False)
    panel = read_panel(path)
    assert panel.outcome == pytest.approx(values)
    assert panel.geos == ("g00", "g01", "g02", "g03")
    assert (panel.starts[0], panel.days, panel.unit) == (date(2024, 1, 1), 1, "day")
    assert panel.period_of(date(2024, 1, 3)) == 2
    assert panel.period_of(date(2023, 12, 31)) is None
    assert panel.period_of(date(2024, 1, 21)) is None


def test_weeks_by_their_first_or_their_last_day():
    days = pd.date_range("2024-01-01", periods=20, freq="7D")
    starts = panel_of(table(outcomes(periods=20, geos=4), days))
    ends = panel_of(table(outcomes(periods=20, geos=4), days + pd.Timedelta(days=6)), marks="end")
    assert starts.unit == "week"
    assert starts.starts == ends.starts
    assert starts.period_of(date(2024, 1, 14)) == 1
    assert starts.last_day(0) == date(2024, 1, 7)


def test_columns_of_other_names():
    rows = table(outcomes(periods=20, geos=4)).rename(
        columns={"Y": "sales", "location": "city", "date": "day"}
    )
    assert panel_of(rows, "sales", "city", "day").name == "sales"
    refused(rows, r"panel.csv: no column 'Y': name the right one with --outcome")


def test_cells_that_are_missing_or_no_numbers(rows):
    for column, fault in (
        ("Y", "column Y: is missing"),
        ("date", "column date: is missing"),
        ("location", "is missing"),
    ):
        broken = rows.copy()
        broken[column] = broken[column].astype(object)
        broken.loc[5, column] = ""
        refused(broken, fault + r" \(row 5\): fill the cells")
    refused(
        rows.assign(Y=rows["Y"].astype(str).where(rows.index != 3, "many")), r"not a number: 'many' \(row 3\)"
    )
    refused(rows.assign(date=rows["date"].where(rows.index != 3, "1/2/24")), r"not a day: '1/2/24' \(row 3\)")


def test_negative_outcomes(rows):
    rows.loc[7, "Y"] = -1.0
    refused(rows, r"column Y: is negative \(row 7\): use the outcome before refunds")


def test_rows_that_are_there_twice(rows):
    refused(
        pd.concat([rows, rows.iloc[[6]]]),
        r"more than one row for a geo and date, such as 'g02' on 2024-01-02",
    )


def test_gaps_of_a_geo_and_of_all_of_them(rows):
    hole = rows[~((rows["location"] == "g01") & (rows["date"] == "2024-01-05"))]
    refused(hole, "gaps in g01: 'g01' has no row for 2024-01-05: add the rows, or leave the geo out")
    refused(rows[rows["date"] != "2024-01-05"], "no row of any geo for 2024-01-05: add the missing periods")


def test_periods_of_different_lengths():
    days = pd.to_datetime([*pd.date_range("2024-01-01", periods=10, freq="7D"), "2024-03-13"])
    refused(
        table(outcomes(periods=11, geos=4), days),
        "dates are 7 day.s. apart, but for 2024-03-13: give every period",
    )


def test_too_few_geos_and_one_date(rows):
    refused(rows[rows["location"] < "g02"], "2 geo.s. in column location: one treated and two others")
    refused(rows[rows["date"] == "2024-01-01"], "one date in column date")


def test_blanks_and_zeros_are_told_apart(rows):
    rows.loc[rows["location"] == "g01", "Y"] = 0.0
    assert np.count_nonzero(panel_of(rows).outcome == 0) == 20
