"""A company that has nothing but a weekly table of its own: every other mart is empty, and nothing fails."""

import pytest

from assets.marts.assets import dbt_marts
from assets.raw.assets import landing_tables
from tests.fixtures_warehouse import checks

pytestmark = pytest.mark.slow


def test_marts_are_built_of_nothing_but_a_weekly_table(new_platform):
    new_platform.land("weekly_tables/own.csv", "date,sales\n2026-01-04,10\n2026-01-11,12.5\n")
    result = new_platform.run(landing_tables, dbt_marts)
    assert result.success
    assert [name for name, check in checks(result).items() if not check.passed] == []
    table = new_platform.query("select * from marts.mmm_model_table")
    assert list(table.columns) == ["market", "geo", "week_start"]
    assert table.empty
