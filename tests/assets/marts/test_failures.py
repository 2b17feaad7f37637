"""What a failed dbt test shows of the rows it found: the same ones on any machine."""

import dagster as dg
import pytest

from assets.marts.failures import SHOWN, with_failing_rows
from assets.resources.warehouse import Warehouse

ROWS = "(select unnest(range(100, 0, -1)) as week, week % 7 as spend)"


@pytest.fixture
def warehouse(tmp_path):
    found = Warehouse(path=str(tmp_path / "w.duckdb"))
    with found.connect():
        pass
    return found


def shown(warehouse, sql):
    result = dg.AssetCheckResult(
        passed=False, asset_key="mart", check_name="named", metadata={"unique_id": "test.named"}
    )
    result = with_failing_rows(result, {"test.named": sql}, warehouse)
    table = result.metadata["failing_rows"].value if "failing_rows" in result.metadata else ""
    return result.description, table.splitlines()[2:]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        (f"select * from {ROWS}", ["| 1 | 1 |", "| 2 | 2 |"]),
        (
            f"with rows as (select * from {ROWS} order by week desc) select * from rows",
            ["| 1 | 1 |", "| 2 | 2 |"],
        ),
        (f"-- A reason.\nselect * from {ROWS} order by week desc", ["| 100 | 2 |", "| 99 | 1 |"]),
        (f"select * from {ROWS} union all select 101, 0 order by spend, week", ["| 7 | 0 |", "| 14 | 0 |"]),
    ],
    ids=["any order", "order of a part", "its own order", "its own order of a union"],
)
def test_the_first_rows_are_the_first_by_the_tests_own_order_or_by_its_columns(warehouse, sql, first):
    description, rows = shown(warehouse, sql)
    assert rows[:2] == first
    assert len(rows) == SHOWN
    week, spend = first[0].strip("| ").split(" | ")
    assert description.startswith(f"first failing row: week {week}, spend {spend}, and 19 or more like it")


def test_a_test_that_found_nothing_or_broke_says_what_dbt_said(warehouse):
    assert shown(warehouse, f"select * from {ROWS} where week > 100")[0] is None
    assert shown(warehouse, "select nothing of it")[0] is None
