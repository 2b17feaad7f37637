"""Publications under attack: readers that never pause, a process that is killed, a disk that is full."""

import os
import signal
import subprocess
import sys
import textwrap

import duckdb
import pytest

from assets.publish.holdings import FAULTS, losses
from assets.publish.publication import KEPT, faults_of, publications
from assets.publish.publish import publish
from mmm_core.files import abandoned, partial_name
from tests.fixtures_warehouse import Platform, execute
from tests.waiting import HANGS

TABLES = ("channel_roi", "response_curves", "budget_allocation", "model_health")
ROWS = 2000


@pytest.fixture
def platform(tmp_path):
    """A warehouse whose reporting tables are all of one posterior."""
    platform = Platform(tmp_path)
    execute(platform, "create schema reporting", "create schema marts")
    write_results(platform, 1)
    return platform


def write_results(platform, posterior):
    execute(
        platform,
        *(
            f"create or replace table reporting.rpt_{table} as select {posterior} as posterior_version, "
            f"range as row_number from range({ROWS})"
            for table in TABLES
        ),
    )


READER = """
    import sys
    from pathlib import Path
    import duckdb, pyarrow.parquet as pq

    published, tables = Path(sys.argv[1]), sys.argv[2:]
    sql = " union all ".join(f"select posterior_version, count(*) from reporting.rpt_{t} group by all" for t in tables)

    def database(path):
        with duckdb.connect(path, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def parquet():
        folder = (published / "current").resolve()
        read = [pq.read_table(folder / f"rpt_{table}.parquet").column(0).to_pylist() for table in tables]
        return [(version, column.count(version)) for column in read for version in set(column)]

    ways = [
        lambda: database(published / "marts.duckdb"),
        lambda: database(published / "current" / "marts.duckdb"),
        parquet,
    ]
    first = duckdb.connect(published / "marts.duckdb", read_only=True)   # open throughout
    kept = first.execute(sql).fetchall()
    print("ready", flush=True)
    reads, versions = 0, set()
    while not (published.parent / "stop").exists():
        for way in ways:
            found = way()
            assert len(found) == len(tables) and len(set(found)) == 1, found
            versions.add(found[0][0])
            reads += 1
    assert first.execute(sql).fetchall() == kept
    print(reads, len(versions))
"""


@pytest.mark.slow
def test_no_read_sees_two_posteriors_and_none_fails(platform):
    publish(platform.warehouse, platform.published)
    reader = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER), str(platform.published), *TABLES],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert reader.stdout.readline() == "ready\n"
        for posterior in range(2, 32):
            write_results(platform, posterior)
            publish(platform.warehouse, platform.published)
    finally:
        (platform.folder / "stop").touch()
        printed, said = reader.communicate(timeout=HANGS)
    assert reader.returncode == 0, said
    reads, versions = map(int, printed.split())
    assert versions > 5  # it did read while publications came and went
    assert reads > 30
    assert len(publications(platform.published)) == KEPT


def publishing(platform, prelude="") -> subprocess.Popen:
    """A process that publishes the warehouse over and over; it says when it begins."""
    script = f"""
        from pathlib import Path
        from assets.publish.publish import publish
        from assets.resources.warehouse import Warehouse

        {prelude}
        print("ready", flush=True)
        while True:
            publish(Warehouse(path={platform.warehouse.path!r}), Path({str(platform.published)!r}))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def in_force(platform) -> list[tuple[int, int]]:
    sql = " union all ".join(
        f"select posterior_version, count(*) from reporting.rpt_{table} group by all" for table in TABLES
    )
    with duckdb.connect(platform.published / "marts.duckdb", read_only=True) as copy:
        return copy.execute(sql).fetchall()


@pytest.mark.slow
def test_a_publication_that_is_killed_leaves_a_whole_one_in_force_and_no_litter(platform):
    publish(platform.warehouse, platform.published)
    caught = 0
    while caught < 2:  # in the middle of writing one
        process = publishing(platform)
        partial = partial_name(platform.published / "publication", str(process.pid))
        while not (partial / "rpt_channel_roi.parquet").exists():
            assert process.poll() is None, process.stderr.read()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        caught += partial.exists()
        assert faults_of(platform.published / "current") == []
        assert in_force(platform) == [(1, ROWS)] * len(TABLES)
    assert list(abandoned(platform.published))
    publish(platform.warehouse, platform.published)
    assert not [path for path in platform.published.iterdir() if path.name.startswith(".")]
    assert len(publications(platform.published)) <= KEPT


def test_a_full_disk_leaves_the_last_publication_in_force_and_no_litter(platform):
    publish(platform.warehouse, platform.published)
    write_results(platform, 2)
    before = sorted(os.listdir(platform.published))
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"  # of every file
    process = publishing(platform, full)
    _, said = process.communicate(timeout=HANGS)
    assert process.returncode == 1
    assert "File too large" in said
    assert sorted(os.listdir(platform.published)) == before
    assert in_force(platform) == [(1, ROWS)] * len(TABLES)
    assert publish(platform.warehouse, platform.published)
    assert in_force(platform) == [(2, ROWS)] * len(TABLES)


def test_damage_to_a_published_file_is_found(platform):
    publish(platform.warehouse, platform.published)
    folder = (platform.published / "current").resolve()
    damaged = folder / "rpt_channel_roi.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-100] + bytes(100))
    (folder / "rpt_response_curves.parquet").unlink()
    assert faults_of(folder) == ["rpt_channel_roi.parquet", "rpt_response_curves.parquet"]
    (folder / "publication.json").write_text("{")
    assert faults_of(folder) == ["publication.json"]
    publish(platform.warehouse, platform.published)
    assert faults_of(platform.published / "current") == []


def test_what_is_mended_leaves_the_lists_of_faults_and_refuses_no_publication(platform):
    listed = "create or replace table {} as select 'm' as model, date '2025-01-06' as week_start where {}"
    for there in (True, False):
        execute(platform, *(listed.format(table, there) for table in FAULTS))
        assert publish(platform.warehouse, platform.published).accepted == []
    weeks = {"all": ["2025-01-06"]}
    before, now = dict.fromkeys(FAULTS, weeks), {table: {} for table in FAULTS}
    assert losses(before, now) == []  # as earlier releases noted them
    assert len(losses(before, {})) == len(FAULTS)
