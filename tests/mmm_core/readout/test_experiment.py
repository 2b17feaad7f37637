"""Cells, window and donors as they are asked for, and every refusal."""

from datetime import date

import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.readout.experiment import Cell, design, parse_cells, parse_geos, parse_window
from mmm_core.readout.panel import panel_of
from tests.mmm_core.readout.panels import WHOLE, outcomes, table


@pytest.fixture(scope="module")
def panel():
    return panel_of(table(outcomes(geos=6)), source="panel.csv")


def made(panel, treated=("g00,g01",), window=WHOLE, **options):
    return design(panel, parse_cells(treated), parse_window(window), **options)


def refused(words, *arguments, **options):
    with pytest.raises(InputError, match=words):
        made(*arguments, **options)


def test_what_is_not_treated_is_compared_with(panel):
    found = made(panel, exclude=["g05"])
    assert found.donors == ("g02", "g03", "g04")
    assert (found.pre, found.measured) == (60, 15)
    assert (found.start, found.end) == (date(2024, 3, 1), date(2024, 3, 15))
    assert made(panel, pre=40).first_pre == 20
    assert made(panel, window="2024-03-01:2024-03-10", post=5).measured == 15


def test_days_within_weeks_name_the_weeks_that_hold_them():
    weekly = panel_of(table(outcomes(geos=6), pd.date_range("2024-01-01", periods=75, freq="7D")))
    found = made(weekly, window="2025-03-19:2025-04-02")
    assert weekly.starts[found.first] == date(2025, 3, 17)
    assert weekly.starts[found.last] == date(2025, 3, 31)
    assert found.start == date(2025, 3, 19)


def test_cells_are_named_or_numbered():
    assert parse_cells(["a, b"]) == (Cell("treated", ("a", "b")),)
    assert parse_cells(["social=a,b", "c"]) == (Cell("social", ("a", "b")), Cell("cell 2", ("c",)))


def test_names_that_hold_commas_are_separated_by_semicolons():
    assert parse_cells(["tv=Austin, TX; Boston, MA"]) == (Cell("tv", ("Austin, TX", "Boston, MA")),)
    assert parse_geos("Austin, TX;") == ("Austin, TX",)
    names = ["Austin, TX", *(f"g{geo}" for geo in range(5))]
    panel = panel_of(table(outcomes(geos=6), names=names))
    assert made(panel, ("Austin, TX;",)).cells[0].geos == ("Austin, TX",)
    refused("no geo 'Austin': .* separate names that hold commas by semicolons", panel, ("Austin, TX",))


def test_cells_that_are_none():
    for text in ("", ",", "tv="):
        with pytest.raises(InputError, match="no geo in it"):
            parse_cells([text])
    with pytest.raises(InputError, match="two cells are called 'tv'"):
        parse_cells(["tv=a", "tv=b"])


def test_windows_that_are_none():
    for text in ("2024-03-01", "2024-03-01:soon", "1/3/24:2/3/24", "a:b:c"):
        with pytest.raises(InputError, match="write first and last day"):
            parse_window(text)
    with pytest.raises(InputError, match="ends before it starts"):
        parse_window("2024-03-02:2024-03-01")


def test_geos_nobody_knows(panel):
    refused("panel.csv: no geo 'g00x': did you mean 'g00'", panel, ("g00x",))
    refused("no geo 'G01': did you mean 'g01'", panel, ("G01",))
    refused("no geo 'g9'", panel, exclude=["g9"])
    refused("no geo was treated", panel, ())


def test_cells_that_overlap(panel):
    refused("'g01' is in cells a and b: cells must not overlap", panel, ("a=g00,g01", "b=g01"))
    refused("'g01' is in cell treated twice", panel, ("g01,g01",))
    refused("'g01' is both treated and left out", panel, exclude=["g01"])


def test_nothing_or_little_left_to_compare_with(panel):
    refused("every geo is treated or left out", panel, ("g00,g01,g02,g03,g04,g05",))
    refused("every geo is treated or left out", panel, exclude=["g02", "g03", "g04", "g05"])
    refused("only g05 is left to compare with", panel, ("g00,g01,g02,g03,g04",))


def test_windows_outside_the_data(panel):
    outside = "is not within the data, which are 2024-01-01 to 2024-03-15"
    refused(outside, panel, window="2023-12-01:2024-01-05")
    refused(outside, panel, window="2024-03-01:2024-03-16")
    refused("--post 1: the data end 0 day.s. after the window", panel, post=1)
    refused("--post -1", panel, post=-1)


def test_too_little_to_learn_from(panel):
    refused("--pre 61: 60 day.s. lie before the window", panel, pre=61)
    refused("--pre 0", panel, pre=0)
    refused(
        "29 day.s. before the window to learn from, and 30 are the least for 15 measured ones", panel, pre=29
    )
    assert made(panel, pre=30).pre == 30
    refused("9 day.s. before the window", panel, window="2024-01-10:2024-01-10")
    # A p-value is a multiple of one over the number of periods.
    refused(
        "95 are the least for 5 measured ones at a level of 0.99",
        panel,
        window="2024-03-11:2024-03-15",
        level=0.99,
    )


def test_geos_that_never_change_before_the_window():
    values = outcomes(geos=6)
    values[:60, 0] = 0.0
    values[:60, [3, 4]] = 7.0
    still = panel_of(table(values), source="panel.csv")
    refused("'g00': Y is the same in every day before the window, so nothing can be said", still)
    refused("before the window in g00, g03, g04: .* --exclude g00,g03,g04", still, ("g01",))
    assert made(still, ("g01",), exclude=["g00", "g03", "g04"]).donors == ("g02", "g05")
