"""The same account has one name, whoever wrote it."""

import pandas as pd
import pytest

from assets.raw.spelling import identifier, lost_digits, spelled


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1234567890", "1234567890"),
        ("123-456-7890", "1234567890"),
        ("123 456 7890", "1234567890"),
        ("123\u2013456\u20137890", "1234567890"),
        ("'1234567890", "1234567890"),
        ("1234567890.0", "1234567890"),
        ("1.234567890E+9", "1234567890"),
        ("act_1234567890", "1234567890"),
        ("urn:li:sponsoredCampaign:1234567890", "1234567890"),
        ("012", "012"),
        ("Brand-US", "brand-us"),
        ("1.23457E+11", "1.23457e+11"),
    ],
)
def test_identifiers(text, name):
    assert identifier(text) == name
    assert identifier(identifier(text)) == name


def test_digits_that_a_spreadsheet_lost_are_noticed():
    lost = ["1.23457E+11", "1E+05", "1,23457E+11", "act_1.23457E+11"]
    whole = ["1.234567890E+9", "123457000000", "brand", "2e"]
    assert [lost_digits(text) for text in [*lost, *whole]] == [True] * 4 + [False] * 4


def test_case_and_blanks():
    cells = pd.Series(["US", " us", "u  s"])
    assert spelled(cells, "lower").tolist() == ["us", "us", "u s"]
    assert spelled(cells, "upper").tolist() == ["US", "US", "U S"]
    assert spelled(cells, "").tolist() == cells.tolist()
