"""The SQL that documentation shows is SQL that runs, on the warehouse and on the published file by any name."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assets.publish.publish import publish
from assets.resources.settings import REPOSITORY
from tests.fixtures_warehouse import BuiltWarehouse, Platform, execute

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ATTACHED = "copy of monday.duckdb"


def statements(page: Path) -> list[str]:
    blocks = re.findall(r"^ *```sql\n(.*?)^ *```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    bare = (re.sub(r"^ *--.*$", "", block, flags=re.MULTILINE) for block in blocks)
    return [statement.strip() for block in bare for statement in block.split(";") if statement.strip()]


QUERIES = [
    pytest.param(statement, id=f"{page.name} {place}")
    for page in PAGES
    for place, statement in enumerate(statements(page))
    if ATTACHED not in page.read_text()
    or not re.search(r"attach |use marts|mmm\.|marts\.dim_channel", statement)
]


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_a_documented_query_runs(built_warehouse: BuiltWarehouse, query):
    # `raw` lies in the warehouse alone; of the other layers the published file has the same tables
    assert built_warehouse.query(query).columns.tolist()


@pytest.mark.slow
def test_a_row_whose_amount_cannot_be_read_is_counted_beside_an_amount_of_nothing(built_warehouse, tmp_path):
    """In the documented query, as `amount_in_quarantine` alone says that nothing is missing."""
    copy = tmp_path / "warehouse.duckdb"
    shutil.copyfile(built_warehouse.folder / "warehouse.duckdb", copy)
    (query,) = (each for each in statements(REPOSITORY / "docs" / "contracts.md") if "fct_quarantine" in each)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "insert into marts.fct_quarantine (source_table, reason, rows_in_quarantine, amount_in_quarantine, "
            "rows_without_amount) values ('tv__invoices', 'net_cost is not a number', 1, 0, 1)"
        )
        (row,) = connection.execute(query).df().to_dict("records")
    assert (row["amount_in_quarantine"], row["rows_without_amount"]) == (0, 1)


def test_the_lines_of_the_readme_open_the_published_file_with_what_the_set_up_has(tmp_path):
    (tmp_path / ".data").mkdir()
    platform = Platform(tmp_path / ".data")
    execute(
        platform,
        "create schema reporting",
        "create table reporting.rpt_channel_roi as select 'us_revenue' as model, true as is_latest, "
        "'Television' as label, 10.0 as spend, 1.5 as roi, 1.0 as roi_q05, 2.0 as roi_q95",
    )
    publish(platform.warehouse, platform.published)
    readme = (REPOSITORY / "README.md").read_text()
    (lines,) = (each for each in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "duckdb" in each)
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Television" in done.stdout


@pytest.mark.parametrize("under", ["marts", "mmm"])
def test_a_published_file_of_any_name_is_read_by_the_documented_lines(tmp_path, monkeypatch, under):
    platform = Platform(tmp_path)
    execute(
        platform,
        "create schema marts; create schema reporting",
        "create table marts.dim_channel as select 'tv' as channel, 'Television' as label",
        "create table reporting.rpt_channel_roi as select 'us' as model, 'Television' as label, 1.5 as roi",
    )
    publish(platform.warehouse, platform.published)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(platform.published / "marts.duckdb", ATTACHED)
    page = statements(REPOSITORY / "docs" / "operations.md")
    first = page.index(f"attach '{ATTACHED}' as {under} (read_only)")
    lines = page[first : first + (4 if under == "marts" else 3)]
    with duckdb.connect() as client:
        found = [client.execute(line).fetchall() for line in lines]
    assert found[-2:] == [[("Television",)], [("Television", 1.5)]]


def test_a_schema_of_the_databases_own_name_would_be_ambiguous(tmp_path):
    """Why the published file has none. Once DuckDB takes such names, it can have one."""
    with duckdb.connect(tmp_path / "marts.duckdb") as connection:
        connection.execute("create schema marts; create table marts.marts.dim_channel as select 1 as one")
        with pytest.raises(duckdb.BinderException, match="Ambiguous reference to catalog or schema"):
            connection.execute("from marts.dim_channel")
