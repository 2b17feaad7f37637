"""Results that were lost with the warehouse come back from the files; what is gone on purpose stays gone."""

import datetime as dt
import json
import shutil

import dagster as dg
import duckdb
import pandas as pd
import pytest

from assets.marts.assets import dbt_reporting
from assets.models import Vintage
from assets.publish.moves import write_moves
from assets.publish.published_marts import published_marts
from assets.publish.restore import restore_results
from assets.resources.results import ASSET_OF_TABLE, RESULT_TABLES
from assets.resources.stores import ResultStore
from tests.fixtures_warehouse import Platform, failure

WEEKS = ("2026-10-26", "2026-11-02", "2026-11-09")
MODELS = ("us_revenue", "uk_geo_revenue")
REVIEWED_ONLY = Vintage("us_revenue", "2026-11-16")  # it failed its review
SELECTED = Vintage("uk_geo_revenue", "2026-11-02")  # somebody asked which specification it should have

LONG_TERM_WORDS = {
    "long_term_roi": {"effect": "long"},
    "total_roi": {"effect": "total"},
    "impulse_responses": {"kind": "media"},
}


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of model YAMLs, of which only the names matter here."""
    folder = tmp_path / "models"
    folder.mkdir()
    for model in MODELS:
        (folder / f"{model}.yaml").write_text("")
    monkeypatch.setenv("MMM_MODELS_DIR", str(folder))
    return folder


def tables(posterior: str, mean: float) -> dict[str, pd.DataFrame]:
    """Results of a vintage, a row a table, or a metric of `channel_roi`."""
    rows = {}
    for table in ASSET_OF_TABLE:
        columns = RESULT_TABLES[table].items()
        kinds = {name: kind for name, kind in columns if name not in ("model", "as_of_week")}
        row = {
            "VARCHAR": "tv",
            "DOUBLE": mean,
            "BOOLEAN": True,
            "DATE": pd.Timestamp("2026-10-26"),
            "TIMESTAMP": pd.Timestamp("2026-11-02 08:00"),
            "BIGINT": 13,
        }
        frame = pd.DataFrame([{name: row[kind] for name, kind in kinds.items()}])
        methods = [name for name in kinds if name.endswith("method")]  # the marts know their words
        versions = {"posterior_version": posterior, "model_version": "1"}
        rows[table] = frame.assign(**dict.fromkeys(methods, "refit"), **versions)
    for table, words in LONG_TERM_WORDS.items():
        rows[table] = rows[table].assign(**words)
    rows["model_review"] = rows["model_review"].assign(severity="WARN")
    plan = rows["budget_scenarios"].assign(kind="plan", horizon="short")
    pair = plan.assign(kind="pair", channel="")
    rows["budget_scenarios"] = pd.concat([plan.assign(channel=""), plan, pair], ignore_index=True)
    rows["budget_allocation"] = rows["budget_allocation"].assign(horizon="short", marginal_in="outcome")
    rows["budget_cells"] = rows["budget_cells"].assign(pattern=None)
    rows["budget_readiness"] = rows["budget_readiness"].assign(gate="history")
    rows["channel_roi"] = pd.concat(
        [rows["channel_roi"].assign(metric=metric) for metric in ("roi", "mroi", "spend")], ignore_index=True
    )
    return rows


def publish_vintages(platform: Platform, results: ResultStore) -> None:
    for model in MODELS:
        for week in WEEKS:
            vintage = Vintage(model, week)
            found = tables(f"{model}-{week}", float(week[-2:]))
            results.versions("model_review").point(
                vintage, results.keep("model_review", vintage, found["model_review"])
            )
            results.record_publication(vintage, found)
            platform.warehouse.replace_results(found, model, week)
    write_moves(platform.warehouse, results, MODELS)
    review = tables("failed", 1.0)["model_review"].assign(passed=False, severity="ERROR")
    results.versions("model_review").point(REVIEWED_ONLY, results.keep("model_review", REVIEWED_ONLY, review))
    platform.warehouse.replace_results(
        {"model_review": review}, REVIEWED_ONLY.model, REVIEWED_ONLY.as_of_week
    )


def select_specification(results: ResultStore, best: str) -> None:
    """A selection of a vintage, stored as its asset stores it."""
    rows = pd.DataFrame(
        {
            "specification": ["as written", best, "no season"],
            "as_written": [True, False, False],
            "recommended": [False, True, False],
            "crps": [90.0, 80.0, None],
            "difference": [0.125, 0.0, None],
            "verdict": ["may be chance", "best", None],
            "reason": ["", "", "too few weeks"],
        }
    ).assign(table_version="table", spec_hash="spec", origins=6, horizon=13)
    missing = RESULT_TABLES["model_selection"].keys() - {*rows, "model", "as_of_week", "selection_version"}
    rows = rows.assign(**dict.fromkeys(sorted(missing), None))
    versions = results.versions("model_selection")
    versions.point(SELECTED, results.keep("model_selection", SELECTED, rows))


def score_tests(results: ResultStore, *tests: str) -> None:
    """A scorecard of the same vintage, stored as `lift_evidence` stores it; without tests it is empty."""
    columns = RESULT_TABLES["lift_evidence"].keys() - {"model", "as_of_week", "evidence_version"}
    scored = pd.DataFrame({"test_id": pd.Series(tests, dtype=object)}).assign(
        status="approved", calibrates=True
    )
    scored = scored.assign(**dict.fromkeys(sorted(columns - {*scored}), None))
    versions = results.versions("lift_evidence")
    versions.point(SELECTED, results.keep("lift_evidence", SELECTED, scored))


def plan_experiments(results: ResultStore, *experiments: str) -> None:
    """Planned experiments of the same vintage, stored as `experiment_plan` stores them."""
    kinds = {name: kind for name, kind in RESULT_TABLES["experiment_plan"].items() if name != "plan_version"}
    of_kind = {"VARCHAR": "x", "DOUBLE": 1.0, "BIGINT": 1, "DATE": dt.date(2026, 11, 9)}
    planned = pd.DataFrame({"experiment": experiments}).assign(
        **{
            name: of_kind[kind]
            for name, kind in kinds.items()
            if name not in ("model", "as_of_week", "experiment")
        }
        | {"horizon": "short"}
    )
    versions = results.versions("experiment_plan")
    versions.point(SELECTED, results.keep("experiment_plan", SELECTED, planned))


def compare_sources(results: ResultStore, *channels: str) -> None:
    """A reconciliation of the same vintage, stored as `reconciliation` stores it."""
    kinds = {
        name: kind
        for name, kind in RESULT_TABLES["reconciliation"].items()
        if name not in ("model", "as_of_week", "reconciliation_version", "channel")
    }
    of_kind = {"VARCHAR": "x", "DOUBLE": 1.0, "BIGINT": 1, "BOOLEAN": True, "DATE": dt.date(2026, 11, 2)}
    compared = pd.DataFrame({"channel": channels}).assign(
        **{name: of_kind[kind] for name, kind in kinds.items()}
    )
    versions = results.versions("reconciliation")
    versions.point(SELECTED, results.keep("reconciliation", SELECTED, compared))


def look_over(results: ResultStore, *subjects: str) -> None:
    """Findings about the table of the same vintage, stored as `data_health` stores them."""
    found = pd.DataFrame({"subject": subjects}).assign(
        family="outliers", measure="robust_z", geo="all", first_week=pd.NaT, last_week=pd.NaT, value=1.0, threshold=5.0,
        verdict="ok", sentence="no week is out", table_version="table",
    )  # fmt: skip
    versions = results.versions("data_health")
    versions.point(SELECTED, results.keep("data_health", SELECTED, found))


def score_forecasts(results: ResultStore, *weeks: str) -> None:
    """Forecasts of earlier weeks as of the same vintage, stored as `backtest` stores them."""
    scored = pd.DataFrame({"forecast_as_of": pd.to_datetime(weeks)}).assign(
        forecast_version="f", same_specification=True, known_then=True, horizon=4,
        first_week=pd.Timestamp("2026-01-05"), crps=1.0, crps_naive=2.0, mape=0.1, mape_naive=0.2,
        coverage_50=0.5, coverage_90=0.9, coverage_95=0.95, posterior_version="p", model_version="1",
    )  # fmt: skip
    versions = results.versions("backtest")
    versions.point(SELECTED, results.keep("backtest", SELECTED, scored))


def decide_promotion(results: ResultStore, *gates: str) -> None:
    """What came of the same vintage's promotion, stored as `champion` stores it."""
    held = pd.DataFrame({"gate": gates}).assign(
        question="is it better?", passed=True, figure=1.0, message="it is", outcome="promoted", accepted_by=None,
        accepted_why=None, posterior_version="p", model_version="1",
    )  # fmt: skip
    versions = results.versions("promotion")
    versions.point(SELECTED, results.keep("promotion", SELECTED, held))


def rows(path, tables=None) -> dict[str, list]:
    with duckdb.connect(path, read_only=True) as connection:
        names = tables or [
            f"reporting.{name}"
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'reporting' order by all"
            ).fetchall()
        ]
        return {name: connection.execute(f"from {name} order by all").fetchall() for name in names}


def warehouse_results(platform: Platform) -> dict[str, list]:
    return rows(platform.warehouse.path, [f"results.{table}" for table in RESULT_TABLES])


@pytest.mark.slow
def test_a_warehouse_made_again_publishes_every_vintage_or_nothing(built_warehouse, tmp_path, models):
    platform = built_warehouse.copy_to(tmp_path)
    results = ResultStore(folder=str(tmp_path / "results"))
    publish_vintages(platform, results)
    select_specification(results, best="scale log")
    score_tests(results, "tv", "search")
    plan_experiments(results, "a", "b", "c", "d")
    compare_sources(results, "tv", "search", "meta", "tiktok", "ooh")
    look_over(results, *"abcdefgh")
    score_forecasts(results, *(f"2026-{month:02}-02" for month in range(1, 11)))
    decide_promotion(results, "crps", "coverage", "roi")
    assert platform.run(dbt_reporting, published_marts).success
    published = tmp_path / "published" / "current" / "marts.duckdb"
    before = rows(published)
    # lift tests, specifications and gates, experiments, reconciled channels, vintages (6, or 7 with a review),
    # findings, scored forecasts, returns; nothing of the world was restated
    assert {len(found) for found in before.values()} == {0, 2, 3, 4, 5, 6, 7, 8, 10, 12}
    assert [name for name, found in before.items() if not found] == ["reporting.rpt_restatements"]

    shutil.copyfile(
        built_warehouse.warehouse.path, platform.warehouse.path
    )  # lost, and loaded and built again
    again = platform.run(dbt_reporting, published_marts)
    assert again.success
    (observed,) = [event for event in again.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    said = observed.asset_observation_data.asset_observation.metadata["restored"].value
    assert said.count("as of") == 7
    assert rows(published) == before
    version = published.resolve().parent.name

    with platform.warehouse.connect() as connection:
        connection.execute("update results.budget_cells set recommended_spend = 1.5 * recommended_spend")
    cells = dg.AssetSelection.keys(["reporting", "rpt_budget_cells"])
    unequal = platform.run(dbt_reporting, selection=cells)
    assert not unequal.success
    assert "budget_cells_add_up" in failure(unequal)

    # The files are lost as well: the last publication stays, and the message says of what, and what to do.
    shutil.copyfile(built_warehouse.warehouse.path, platform.warehouse.path)
    shutil.rmtree(tmp_path / "results")
    lost = platform.run(published_marts)
    assert not lost.success
    weeks = "3 of 3 weeks of uk_geo_revenue (2026-10-26 to 2026-11-09)"
    assert f"reporting.rpt_brand_metrics: {weeks}" in failure(lost)
    assert "holds 2 models in 7 vintages" in failure(lost)
    assert "would hold 0 models in 0 vintages" in failure(lost)
    assert published.resolve().parent.name == version
    assert rows(published) == before


@pytest.fixture(scope="module")
def with_results(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("results"))
    publish_vintages(platform, platform.resources()["results"])
    return platform


@pytest.fixture
def platform(with_results, tmp_path, models):
    """A warehouse with published results whose files are kept."""
    shutil.copytree(with_results.folder, tmp_path, dirs_exist_ok=True)
    return Platform(tmp_path)


def test_what_is_there_is_left_alone(platform):
    before = warehouse_results(platform)
    assert not restore_results(platform.warehouse, platform.resources()["results"])
    assert warehouse_results(platform) == before


def test_results_of_a_time_before_files_are_kept_before_they_can_be_lost(platform):
    results = platform.resources()["results"]
    before = warehouse_results(platform)
    shutil.rmtree(results.folder)
    assert len(restore_results(platform.warehouse, results).kept) == 7
    (platform.folder / "warehouse.duckdb").unlink()
    assert len(restore_results(platform.warehouse, results).restored) == 7
    assert warehouse_results(platform) == before


def test_a_model_without_a_yaml_leaves_and_comes_back_with_it(platform, models):
    results = platform.resources()["results"]
    before = warehouse_results(platform)
    (models / "uk_geo_revenue.yaml").rename(models / "uk_geo_revenue.retired")
    assert restore_results(platform.warehouse, results).left == ["uk_geo_revenue"]
    assert {row[0] for found in warehouse_results(platform).values() for row in found} == {"us_revenue"}
    (models / "uk_geo_revenue.retired").rename(models / "uk_geo_revenue.yaml")
    assert len(restore_results(platform.warehouse, results).restored) == 3
    assert warehouse_results(platform) == before


def test_a_selection_reaches_the_warehouse_once_and_again_when_it_is_run_again(platform, models):
    results = platform.resources()["results"]
    select_specification(results, best="scale log")
    assert restore_results(platform.warehouse, results).findings == [f"uk_geo_revenue as of {WEEKS[1]}"]
    assert not restore_results(platform.warehouse, results)  # it is there
    select_specification(results, best="season order 4")
    assert restore_results(platform.warehouse, results).findings == [f"uk_geo_revenue as of {WEEKS[1]}"]
    with platform.warehouse.connect(read_only=True) as connection:
        held = connection.execute(
            "select specification, crps, selection_version from results.model_selection order by crps"
        ).fetchall()
    version = results.versions("model_selection").current(SELECTED)
    assert held == [
        ("season order 4", 80.0, version),
        ("as written", 90.0, version),
        ("no season", None, version),
    ]
    (models / "uk_geo_revenue.yaml").unlink()
    assert restore_results(platform.warehouse, results).left == ["uk_geo_revenue"]
    assert warehouse_results(platform)["results.model_selection"] == []


def test_a_selection_of_a_model_that_published_nothing_leaves_with_its_yaml(new_platform, models):
    results = new_platform.resources()["results"]
    select_specification(results, best="scale log")
    assert restore_results(new_platform.warehouse, results).findings
    (models / "uk_geo_revenue.yaml").unlink()
    assert restore_results(new_platform.warehouse, results).left == ["uk_geo_revenue"]
    assert warehouse_results(new_platform)["results.model_selection"] == []


def test_a_damaged_selection_costs_nothing_else(platform):
    results = platform.resources()["results"]
    select_specification(results, best="scale log")
    path = results.path("model_selection", SELECTED)
    path.write_bytes(path.read_bytes()[:-64] + bytes(64))
    before = warehouse_results(platform)
    assert not restore_results(platform.warehouse, results)
    assert warehouse_results(platform) == before


def test_half_of_a_vintage_is_made_whole(platform):
    """A warehouse that was copied while results were being written."""
    before = warehouse_results(platform)
    with platform.warehouse.connect() as connection:
        connection.execute(
            "delete from results.channel_roi where metric = 'mroi' and as_of_week = '2026-11-02'"
        )
        connection.execute("update results.response_curves set posterior_version = 'older'")
    assert len(restore_results(platform.warehouse, platform.resources()["results"]).restored) == 6
    assert warehouse_results(platform) == before


def test_a_damaged_file_of_one_vintage_costs_that_vintage_only(platform):
    results = platform.resources()["results"]
    before = warehouse_results(platform)
    damaged = Vintage("us_revenue", WEEKS[0])
    version = results.record(damaged)["channel_roi"]["version"]
    path = results.versions("roi").path(damaged, version)
    path.write_bytes(path.read_bytes()[:-64] + bytes(64))
    (platform.folder / "warehouse.duckdb").unlink()
    assert len(restore_results(platform.warehouse, results).restored) == 6
    assert len(warehouse_results(platform)["results.channel_roi"]) == len(before["results.channel_roi"]) - 3
    assert [file.name for file in path.parent.glob("*.damaged-*[0-9]")] != []
    assert not restore_results(platform.warehouse, results).restored  # nor half of it the next time
    assert len(warehouse_results(platform)["results.channel_roi"]) == len(before["results.channel_roi"]) - 3


@pytest.mark.parametrize("which", ["record", "table"])
def test_a_damaged_file_is_made_again_from_the_warehouse(platform, which):
    results = platform.resources()["results"]
    vintage = Vintage("us_revenue", WEEKS[0])
    record = results.publications.path(vintage, results.publications.current(vintage))
    before = record.read_text()
    if which == "record":
        record.write_text(before.replace("us_revenue", "xx_revenue"))
    else:
        table = results.versions("roi").path(vintage, results.record(vintage)["channel_roi"]["version"])
        table.write_bytes(table.read_bytes()[:-64] + bytes(64))
    assert restore_results(platform.warehouse, results).kept == [f"us_revenue as of {WEEKS[0]}"]
    kept = results.record(vintage)
    assert {table: stored["rows"] for table, stored in kept.items()} == {
        table: stored["rows"] for table, stored in json.loads(before).items()
    }
    assert results.stored("roi", vintage, kept["channel_roi"]["version"])["mean"].tolist() == [26.0] * 3


def test_lift_evidence_reaches_the_warehouse_once_and_leaves_it_when_no_test_is_left(new_platform, models):
    results = new_platform.resources()["results"]
    score_tests(results)
    assert not restore_results(new_platform.warehouse, results)  # nothing was found, and nothing is held
    score_tests(results, "tv", "search")
    assert restore_results(new_platform.warehouse, results).findings == [f"uk_geo_revenue as of {WEEKS[1]}"]
    assert not restore_results(new_platform.warehouse, results)
    assert len(warehouse_results(new_platform)["results.lift_evidence"]) == 2
    score_tests(results)
    assert restore_results(new_platform.warehouse, results).findings
    assert warehouse_results(new_platform)["results.lift_evidence"] == []
