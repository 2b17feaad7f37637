"""Files of lift tests are held against their contract, whose columns are those that models read."""

import pytest

from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused
from tests.assets.raw.reading import read

LIFT_TESTS = CONTRACTS["experiments__lift_tests"]
LIFT = {
    "test_id": "tv-1", "market": "UK", "channels": "TV; ooh", "geos": "G01;g02", "start_date": "2025-01-06",
    "end_date": "2025-02-02", "design": "geo_holdout", "incremental_outcome": "-41200", "standard_error": "9800",
    "spend_with": "0;12.5", "spend_without": "100; 10", "weekly_spend_without": "60 40;5 5",
}  # fmt: skip


def lift_tests(separator=",", **cells):
    row = {**LIFT, **cells}
    return separator.join(row) + "\n" + separator.join(f'"{cell}"' for cell in row.values()) + "\n"


def test_columns_that_a_lift_test_need_not_state_may_be_missing(tmp_path):
    (row,) = read(tmp_path, lift_tests(), LIFT_TESTS).rows.to_dict("records")
    assert set(row) == {column.name for column in LIFT_TESTS.columns}
    assert (row["market"], row["channels"], row["geos"]) == ("uk", "tv; ooh", "g01;g02")
    assert row["status"] is None
    assert row["roi"] != row["roi"]
    assert (row["spend_with"], row["spend_without"], row["weekly_spend_without"]) == (
        "0;12.5", "100;10", "60 40;5 5",
    )  # fmt: skip


def test_amounts_of_several_channels_may_have_decimal_commas(tmp_path):
    text = lift_tests(";", spend_with="0;12,5", incremental_outcome="-41200,5")
    assert read(tmp_path, text, LIFT_TESTS).rows["spend_with"].tolist() == ["0;12.5"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"spend_with": "0;n/a"},
            r"column spend_with: '0;n/a' is no list of amounts \(row 2\): write numbers",
        ),
        ({"spend_with": "0;-1"}, "column spend_with: '0;-1' is no list of amounts"),
        ({"spend_with": "0;"}, "column spend_with: '0;' is no list of amounts"),
        ({"spend_with": ""}, "column spend_with: is blank"),
        (
            {"status": "aproved"},
            "column status: 'aproved' is not one of approved, needs review, rejected, pending",
        ),
        ({"design": "coin"}, "column design: 'coin' is not one of geo_holdout"),
        ({"end_date": "2025-01-01"}, "column end_date: '2025-01-01' is before start_date '2025-01-06'"),
        ({"intervall_low": "3"}, "column intervall_low is not read: did you mean 'interval_low'"),
    ],
)
def test_a_lift_test_that_no_reader_could_use_is_refused(tmp_path, cells, message):
    with pytest.raises(FileRefused, match=message):
        read(tmp_path, lift_tests(**cells), LIFT_TESTS)


def test_the_landing_table_has_the_columns_that_the_reader_knows():
    from mmm_core.evidence.columns import COLUMNS

    assert [column.name for column in LIFT_TESTS.columns] == [column.name for column in COLUMNS]
    required = {column.name for column in LIFT_TESTS.columns if column.required} - {"market", "geos"}
    assert required == {column.name for column in COLUMNS if column.required}
