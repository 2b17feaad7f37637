"""A company that has nothing but a weekly table of its own, or one source: other marts are empty, and nothing fails."""

import os
import subprocess
import sys

import duckdb
import pytest

from assets.marts.assets import dbt_marts
from assets.raw.assets import landing_tables
from assets.resources.settings import REPOSITORY
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


INVOICES = (
    "invoice_id,station,market,region,week_commencing,grps,net_cost,currency\n"
    "i1,KX,us,all,2024-01-08,1,5.50,USD\n"
)
GEOS = "market,geo,geo_name,population\nus,all,National,1000\n"
MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n"


@pytest.mark.parametrize(
    ("source", "landed", "text", "rows"),
    [
        ("tv", "tv/invoices/a.csv", INVOICES, "select sum(spend) from intermediate.int_media_spend_weekly"),
        ("macro", "macro/weekly/a.csv", MACRO, "select sum(consumer_confidence) from raw.macro__weekly"),
    ],
)
def test_marts_are_built_of_one_source_alone(tmp_path, source, landed, text, rows):
    """What no source gives, reach of a company without Meta among it, has the types of what some would give."""
    (tmp_path / "sources.yaml").write_text(f"sources: {{{source}: landing}}\n")
    for name, content in {landed: text, "reference/geos/a.csv": GEOS}.items():
        file = tmp_path / "data" / "landing" / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
    run = subprocess.run(
        [sys.executable, "-m", "orchestration.ingest"],
        env={
            **os.environ,
            "MMM_SOURCES": str(tmp_path / "sources.yaml"),
            "MMM_DATA_DIR": str(tmp_path / "data"),
        },
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute(rows).fetchone()[0] in (5.5, 100)
        assert connection.execute("select count(*) from marts.mmm_model_table").fetchone()[0] == 0
