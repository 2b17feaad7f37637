"""The dbt project as assets: keys, metadata, checks, and one process that reads and writes in turn."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import _TextLogger

from assets.marts import invoke, project
from assets.marts.assets import dbt_marts, dbt_reporting
from assets.marts.build import FAILED_BUILDS_KEPT, _clear
from assets.marts.relations import LINEAGE, Relations
from assets.marts.translator import LayerTranslator
from assets.raw.assets import raw_key
from assets.raw.ingest import ALL_CONTRACTS
from tests.fixtures_warehouse import checks, execute, failure, materializations


def spec(*path: str) -> dg.AssetSpec:
    key = dg.AssetKey(path)
    return (dbt_marts if key in dbt_marts.keys else dbt_reporting).get_asset_spec(key)


def test_keys_and_groups_are_layers():
    for asset in (dbt_marts, dbt_reporting):
        for found in asset.specs:
            assert found.key.path[0] == found.group_name
            assert found.owners
            assert found.description
            assert found.code_version
    assert {key.path[0] for key in dbt_marts.keys} == {"staging", "intermediate", "marts"}
    assert {key.path[0] for key in dbt_reporting.keys} == {"reporting"}


def test_sources_are_the_assets_that_write_them():
    assert {raw_key(name) for name in ALL_CONTRACTS} <= set(dbt_marts.dependency_keys)
    outside = set(dbt_reporting.dependency_keys) - set(dbt_reporting.keys)
    assert outside == {
        dg.AssetKey("published_results"),
        dg.AssetKey("model_review"),
        dg.AssetKey("model_selection"),
        dg.AssetKey("lift_evidence"),
        dg.AssetKey("experiment_plan"),
        dg.AssetKey("reconciliation"),
        dg.AssetKey("data_health"),
        dg.AssetKey("backtest"),
        dg.AssetKey("champion"),
        dg.AssetKey("weekly_report"),
        dg.AssetKey(["marts", "dim_channel"]),
        dg.AssetKey(["marts", "fct_restatements"]),
    }


def test_every_mart_and_every_raw_table_is_checked():
    specs = [*dbt_marts.check_specs, *dbt_reporting.check_specs]
    checked = {found.asset_key for found in specs}
    published = {key for key in dbt_marts.keys | dbt_reporting.keys if key.path[0] in ("marts", "reporting")}
    assert published <= checked
    assert {raw_key(name) for name in ALL_CONTRACTS} <= checked
    assert all(found.blocking for found in specs if found.name == "media_spend_reconciles")


def test_views_are_virtual():
    assert spec("staging", "stg_tv__media").is_virtual
    assert not spec("marts", "dim_channel").is_virtual


def test_the_code_version_knows_macros_and_contracts():
    before = project.manifest()
    node = before["nodes"]["model.carryover.int_media_spend_weekly"]
    mart = before["nodes"]["model.carryover.dim_channel"]
    after = copy.deepcopy(dict(before))
    after["macros"]["macro.carryover.at_rate"]["macro_sql"] += " "
    after["nodes"]["model.carryover.dim_channel"]["columns"]["label"]["data_type"] = "text"
    old, new = LayerTranslator(before), LayerTranslator(after)
    assert old.get_code_version(node) != new.get_code_version(node)
    assert old.get_code_version(mart) == new.get_code_version(mart)
    changed = after["nodes"]["model.carryover.dim_channel"]
    assert old.get_code_version(mart) != new.get_code_version(changed)


def test_the_manifest_is_parsed_again_only_when_the_project_changed(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "a.sql").write_text("select 1")
    parsed = []

    def parse(target, go_on_from_last):
        parsed.append(go_on_from_last)
        for name in project.MADE_BY_PARSE:
            (target / name).write_text("{}")

    monkeypatch.setattr(project, "_parse", parse)
    monkeypatch.setattr(project, "target_dir", lambda: tmp_path / "target")
    monkeypatch.setattr(project.fingerprint, "__defaults__", (folder,))

    def parses() -> int:
        parsed.clear()
        project.manifest_path()
        return len(parsed)

    assert (parses(), parses()) == (1, 0)
    os.utime(folder / "models" / "a.sql")  # touched, not changed
    (folder / "target").mkdir()
    (folder / "target" / "b.sql").write_text("compiled")
    assert parses() == 0
    (folder / "models" / "a.sql").write_text("select 2")
    assert (parses(), parses()) == (1, 0)
    (folder / "models" / "b.yml").write_text("")
    assert parses() == 1
    (folder / "models" / "b.yml").unlink()
    assert parses() == 1
    (tmp_path / "target" / project.MANIFEST).unlink()
    assert parses() == 1
    assert parsed == [True]
    (tmp_path / "target" / project.FINGERPRINT).write_text("as it was before checksums")
    assert parses() == 1
    assert parsed == [False]


def test_a_project_that_does_not_parse_says_why(tmp_path, monkeypatch):
    (tmp_path / "dbt_project.yml").write_text("name: broken\nprofile: nowhere\n")
    monkeypatch.setattr(invoke, "PROJECT_DIR", tmp_path)
    (tmp_path / "target").mkdir()
    with pytest.raises(RuntimeError, match="dbt cannot parse"):
        project._parse(tmp_path / "target", False)
    assert not (tmp_path / "target" / project.MANIFEST).exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", project.MADE_BY_PARSE)
def test_what_dbt_parsed_is_parsed_again_where_it_is_damaged(tmp_path, monkeypatch, name):
    whole = project.manifest()
    target = tmp_path / "target"
    target.mkdir()
    for file in (*project.MADE_BY_PARSE, project.FINGERPRINT):
        shutil.copy(project.target_dir() / file, target)
    (target / "parse-of-a-killed-process").mkdir()
    monkeypatch.setattr(project, "target_dir", lambda: target)
    damaged = bytearray((target / name).read_bytes())
    for place in range(len(damaged) // 2, len(damaged) // 2 + 64):
        damaged[place] ^= 255
    (target / name).write_bytes(damaged)
    found = json.loads(project.manifest_path().read_bytes())
    assert found["nodes"].keys() == whole["nodes"].keys()
    assert [path.name.split("-")[0] for path in target.glob("*damaged*")] == [f"{name}.damaged"]
    assert not list(target.glob("parse-*"))
    before = (target / name).stat().st_mtime_ns
    project.manifest_path()
    assert (target / name).stat().st_mtime_ns == before


@pytest.mark.slow
def test_tables_carry_row_counts_columns_and_lineage(built_warehouse):
    metadata = materializations(built_warehouse.run_result)["marts/fct_media_weekly"].metadata
    rows = built_warehouse.query("select count(*) as n from marts.fct_media_weekly")["n"].item()
    assert metadata["dagster/row_count"].value == rows > 10_000
    columns = {column.name: column for column in metadata["dagster/column_schema"].schema.columns}
    assert list(columns)[:5] == ["market", "geo", "channel", "week_start", "spend"]
    assert [column.type for column in columns.values()][:5] == [
        "VARCHAR",
        "VARCHAR",
        "VARCHAR",
        "DATE",
        "DOUBLE",
    ]
    assert columns["spend"].description.startswith("Spend of the week, in the marts' own currency")
    lineage = metadata["dagster/column_lineage"].lineage.deps_by_column["spend"]
    assert {"spend"} <= {dep.column_name for dep in lineage}
    kept = json.loads((project.target_dir() / LINEAGE).read_text())["model.carryover.fct_media_weekly"]
    assert kept["columns"]["spend"] == [[list(dep.asset_key.path), dep.column_name] for dep in lineage]


@pytest.mark.slow
def test_kept_lineage_is_taken_while_it_holds_and_made_again_when_damaged(
    built_warehouse, tmp_path, monkeypatch
):
    """The SQL a build compiled is laid where the next one would have it; only its lineage is asked for."""
    unique_id, incremental = "model.carryover.dim_channel", "model.carryover.int_campaign_weekly"
    nodes = (project.manifest()["nodes"][name] for name in (unique_id, incremental))
    sql, weeks = (tmp_path.joinpath("compiled", n["package_name"], n["original_file_path"]) for n in nodes)
    sql.parent.mkdir(parents=True)
    weeks.parent.mkdir(parents=True)
    sql.write_text("select channel, label from staging.channels")
    built = SimpleNamespace(
        manifest=project.manifest(),
        target_path=tmp_path,
        dagster_dbt_translator=LayerTranslator(project.manifest()),
        project=project.dbt_project(),
    )

    def lineage(model: str = unique_id) -> dict:
        relations = Relations(built_warehouse.warehouse, built, tmp_path)
        found = relations.metadata(model)["dagster/column_lineage"].deps_by_column
        relations.keep_lineage()
        return found

    (tmp_path / LINEAGE).write_text('{"model.carryover.dim_channel": {"basis": ')
    first = lineage()
    kept = json.loads((tmp_path / LINEAGE).read_text())
    assert kept[unique_id]["basis"]
    kept[unique_id]["columns"]["label"] = [[["somewhere"], "else"]]
    (tmp_path / LINEAGE).write_text(json.dumps(kept))
    assert [dep.column_name for dep in lineage()["label"]] == ["else"]  # taken as kept
    sql.write_text("select channel, label from staging.channels where true")
    assert lineage() == first

    weeks.write_text("select source, week_start from intermediate.int_media_weeks")
    first = lineage(incremental)
    weeks.write_text(
        "select source, week_start from intermediate.int_media_weeks where week_start > '2025-01-01'"
    )
    monkeypatch.setattr(Relations, "_parsed", lambda *_: pytest.fail("parsed again for other weeks"))
    assert lineage(incremental) == first


@pytest.mark.slow
def test_singular_tests_are_checks_too(built_warehouse):
    found = checks(built_warehouse.run_result)
    assert {"unmapped_spend_is_small", "media_spend_reconciles", "kpi_weeks_are_complete"} <= set(found)
    assert not built_warehouse.run_result.get_asset_observation_events()


@pytest.mark.slow
def test_the_process_may_read_and_write_after_dbt_ran(built_warehouse):
    """dbt runs in this process, and would leave a connection behind that keeps others out."""
    for read_only in (True, False):
        with built_warehouse.warehouse.connect(read_only=read_only) as connection:
            connection.execute("create or replace temp table probe as select 1")


@pytest.mark.slow
def test_dbt_parses_once_a_process_and_starts_no_other(built_warehouse, tmp_path, monkeypatch):
    """What it builds the second time, in another warehouse, from what it parsed the first time, is the same."""
    platform = built_warehouse.copy_to(tmp_path)
    execute(platform, "drop schema reporting cascade")
    began = []
    monkeypatch.setattr(project, "_parsed_in", lambda *_: pytest.fail("dbt parsed the project again"))
    monkeypatch.setattr(subprocess.Popen, "__init__", lambda *arguments, **_: began.append(arguments))
    result = platform.run(dbt_reporting)
    assert result.success, failure(result)
    assert not began
    tables = "select table_name from information_schema.tables where table_schema = 'reporting' order by all"
    assert platform.query(tables).equals(built_warehouse.query(tables))
    assert len(platform.query(tables)) == len(dbt_reporting.keys)
    assert checks(result).keys() == {
        check.name for check in dbt_reporting.check_specs if check.asset_key in dbt_reporting.keys
    }


@pytest.mark.slow
def test_what_another_process_parsed_is_read_and_is_what_dbt_makes_of_it(tmp_path, monkeypatch):
    kept = project.manifest_path().with_name(project.PARTIAL_PARSE)
    shutil.copy(kept, tmp_path)
    parsed = project._parsed_in(tmp_path)
    monkeypatch.setattr(project, "_parsed_here", {})
    monkeypatch.setattr(project, "invoke", lambda *_: pytest.fail("dbt looked through the project again"))
    read = project.dbt_manifest(f"anywhere/{project.DATABASE}.duckdb")
    assert content(read) == content(parsed)
    assert len(content(read)["nodes"]) > 200


def content(manifest) -> dict:
    return {**manifest.writable_manifest().to_dict(), "metadata": None, "flat_graph": manifest.flat_graph}


@pytest.mark.parametrize("package", ["dbt-core", "dbt-adapters", "dbt-duckdb"])
def test_a_project_is_parsed_again_with_other_macros_of_dbts_own(monkeypatch, package):
    before, versions = project.fingerprint(), project.version
    monkeypatch.setattr(project, "version", lambda name: versions(name) + "1" * (name == package))
    assert project.fingerprint() != before


@pytest.mark.slow
def test_the_log_of_a_step_tells_what_dbt_builds_and_tests(built_warehouse, tmp_path, capfd):
    """A line each, without what dbt thinks meanwhile, which dbt does not put into words either.

    And what no model makes any more: it is named with the statement that drops it, and stays.
    """
    platform = built_warehouse.copy_to(tmp_path)
    execute(platform, "create view intermediate.int_media_daily as select 1 as one")
    execute(platform, "create table raw.of_nobody as select 1 as one")
    worded = []
    write_line = _TextLogger.create_line
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_TextLogger, "create_line", lambda *given: worded.append(given) or write_line(*given))
        result = platform.run(dbt_reporting)
    assert result.success, failure(result)
    assert not worded
    out, err = capfd.readouterr()
    lines = out.splitlines()
    ended = [line for line in lines if re.match(r"\d\d:\d\d:\d\d  \d+ of \d+ (PASS|OK created)", line)]
    assert len(ended) == len(checks(result)) + len(materializations(result))
    assert any(line.endswith("Completed successfully") for line in lines)
    assert not [line for line in lines if "Began running node" in line]
    dropped = [line.strip() for line in err.splitlines() if line.strip().startswith("drop ")]
    assert dropped == ['drop view intermediate."int_media_daily";']
    assert platform.query("select one from intermediate.int_media_daily")["one"].tolist() == [1]


def test_what_dbt_thinks_is_made_no_message_of(tmp_path):
    heard, fire = [], EventManager.fire_event
    path = str(tmp_path / f"{project.DATABASE}.duckdb")
    done = invoke.invoke(
        ["list", "--select", "dim_channel"], path, tmp_path, project.dbt_manifest(path), heard.append
    )
    assert done.success, done.exception
    assert {event.info.level for event in heard} == {"info"}
    assert EventManager.fire_event is fire


@pytest.mark.slow
def test_a_stopped_build_ends_its_queries_and_closes_the_warehouse(built_warehouse, tmp_path):
    path, heard = built_warehouse.copy_to(tmp_path).warehouse.path, []

    def stop(event):
        if event.info.name == "LogTestResult":
            heard.append(event)
            os.kill(os.getpid(), signal.SIGINT)

    # pytest's parallel workers ignore the signal
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            invoke.invoke(["test", "--select", "marts"], path, tmp_path, project.dbt_manifest(path), stop)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 0 < len(heard) < 100
    with duckdb.connect(path) as connection:
        connection.execute("create table probe as select 1")


@pytest.mark.slow
def test_a_build_that_succeeded_leaves_nothing_behind(built_warehouse):
    run = built_warehouse.run_result.run_id[:7]
    assert not [path for path in project.target_dir().iterdir() if run in path.name]


def test_only_the_last_failed_builds_are_kept(tmp_path):
    for number in range(FAILED_BUILDS_KEPT + 3):
        folder = tmp_path / f"dbt_marts-{number}"
        folder.mkdir()
        os.utime(folder, (number, number))
    (tmp_path / "parse-now").mkdir()
    _clear(folder, RuntimeError("failed"))
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [f"dbt_marts-{number}" for number in range(3, FAILED_BUILDS_KEPT + 3)] + ["parse-now"]
    _clear(folder, None)
    assert not folder.exists()


@pytest.mark.slow
def test_a_project_that_changed_under_a_running_location_says_so(built_warehouse, tmp_path, monkeypatch):
    """dbt reads the files, Dagster what it loaded of them."""
    platform = built_warehouse.copy_to(tmp_path)
    nodes = dict(project.manifest()["nodes"])
    unknown = next(name for name in nodes if "unique_grain_rpt_channel_roi" in name)
    wrapper = dbt_reporting.get_asset_spec(dg.AssetKey(["reporting", "rpt_channel_roi"])).metadata[
        "dagster_dbt/manifest"
    ]
    known = {name: node for name, node in nodes.items() if name != unknown}
    monkeypatch.setitem(wrapper.manifest, "nodes", known)
    result = platform.run(dbt_reporting)
    assert not result.success
    assert "Reload the code location" in failure(result)
    with platform.warehouse.connect() as connection:  # and nobody holds the warehouse
        connection.execute("create or replace temp table probe as select 1")
