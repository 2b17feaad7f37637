"""One vintage from mart to published results, through the real job."""

import json
import sys
from hashlib import sha256
from pathlib import Path

import jsonschema
import pytest

from mmm_core.report.manifest import schema
from mmm_core.transforms.adstock import ADSTOCKS
from tests.orchestration.house import (
    LAST_WEEK,
    LENIENT,
    MODEL,
    NEXT_WEEK,
    STRICT,
    failure,
    materialized,
    metadata,
    vintage,
)

pytestmark = pytest.mark.slow

STAGES = {
    "model_table", "data_health", "geo_lift", "lift_evidence", "mmm_posterior", "registered_model", "media_transforms",
    "contributions", "roi", "response_curves", "budget_allocation", "budget_readiness", "model_review",
    "budget_scenarios", "backtest", "stability",
    "calibration_report", "champion", "published_results", "reconciliation", "brand_state", "bvar_posterior",
    "impulse_responses", "long_term_roi", "total_roi", "weekly_report",
}  # fmt: skip
LONG_TERM = {"metrics": ["awareness", "consideration"], "lags": 1, "draws": 100, "horizon": 26}


def test_a_vintage_goes_all_the_way_and_again_without_a_new_fit(house):
    house.track_brand()
    house.calibrate(long_term=LONG_TERM)
    result = house.refresh()
    assert result.success
    assert materialized(result) == STAGES
    # 110 weeks and 100 draws are few for a long term; what is wrong with it stops nothing else
    evaluated = [e for e in result.get_asset_check_evaluations() if e.severity.value == "ERROR"]
    assert {e.check_name for e in evaluated if not e.passed} <= {"chains_have_mixed", "draws_are_stable"}

    version = house.posteriors.current(vintage())
    assert metadata(result, "mmm_posterior")["posterior_version"] == version
    assert metadata(result, "budget_allocation")["posterior_version"] == version
    assert house.tracking.aliases(MODEL) == {"challenger": "1", "champion": "1"}
    published(house, version)
    tracked(house, result, version)
    calibrated(house, result, version)
    long_term(house, result, version)
    reported(house, result, version)

    again = house.refresh()
    assert again.success
    assert metadata(again, "mmm_posterior")["posterior_version"] == version
    assert metadata(again, "mmm_posterior")["fitted"] is False
    assert metadata(again, "registered_model")["model_version"] == "1"
    same = [metadata(run, "weekly_report")["page"] for run in (result, again)]
    assert same[0] == same[1]
    told_apart(house, version)


SHAPES = """
from mmm_core import ADSTOCKS


@ADSTOCKS.register("this_week_and_next")
def this_week_and_next(lags):
    return 1.0 * (lags < 2)
"""


@pytest.fixture
def forgotten():
    """Modules and kinds that a test imports are forgotten afterwards; call it to do so within one."""

    def forget():
        sys.modules.pop("house_shapes", None)
        ADSTOCKS.pop("this_week_and_next", None)

    yield forget
    forget()


def test_a_posterior_of_an_earlier_source_is_fitted_again(house, forgotten):
    """The source is that of an extension module beside the model's YAML."""
    module = house.root / "models" / "house_shapes.py"
    module.write_text(SHAPES)
    house.write_spec(
        extensions=["house_shapes"],
        media={
            "channels": {"tv": {"spend": "tv_spend", "adstock": {"kind": "this_week_and_next", "l_max": 4}}}
        },
        fit={"engine": "laplace", "chains": 2, "warmup": 100, "draws": 100},
    )
    assert house.refresh(only="model_table lift_evidence mmm_posterior").success
    first = house.posteriors.current(vintage())
    kept = house.posteriors.path(vintage(), first).with_suffix(".extensions")
    assert (kept / "house_shapes.py").read_text() == SHAPES

    module.write_text(SHAPES.replace("lags < 2", "lags < 3"))
    forgotten()  # as a step's own process has not imported it
    again = house.refresh(only="mmm_posterior")
    assert again.success
    assert metadata(again, "mmm_posterior")["fitted"] is True
    second = house.posteriors.current(vintage())
    assert second != first
    assert house.posteriors.path(vintage(), first).is_file()

    forgotten()
    assert house.refresh(only="mmm_posterior registered_model").success
    assert house.posteriors.current(vintage()) == second


def published(house, version):
    with house.warehouse.connect(read_only=True) as connection:
        for table, rows in (
            ("channel_roi", 10),
            ("budget_allocation", 2),
            ("budget_readiness", 9),
            ("budget_scenarios", 8),
            ("response_curves", 82),
            ("provenance", 1),
        ):
            found = connection.execute(
                f"select count(*), min(posterior_version), max(posterior_version), min(model_version) "
                f"from results.{table} where model = ? and as_of_week = ?",
                [MODEL, LAST_WEEK],
            ).fetchone()
            assert found == (rows, version, version, "1"), table
        ((origin, known, tests),) = connection.execute(
            "select table_version, known_then, lift_tests from results.provenance"
        ).fetchall()
    assert origin == house.vintages.current(vintage())
    assert (known, tests) == (False, 2)  # a mart made by hand has no ledger of exports


def calibrated(house, result, version):
    """What the tests moved was worked out by the fit's process, and is shown, kept and published."""
    report = house.posteriors.report_path(vintage(), version)
    assert (
        report.stat().st_mtime
        < house.posteriors.path(vintage(), version).parent.joinpath("current.json").stat().st_mtime
    )
    found = metadata(result, "calibration_report")
    assert found["found"].startswith("2 of 2 lift tests within")
    assert "* search: ROI " in found["moved"]
    assert "by search-test" in found["moved"]
    assert found["calibration"].startswith("![](data:image/png;base64,")
    with house.warehouse.connect(read_only=True) as connection:
        rows = connection.execute(
            "select left_out, channel, tested, method, measured from results.calibration_report order by all"
        ).fetchall()
    assert [row[:3] for row in rows] == [
        ("all tests", "search", True), ("all tests", "tv", True),
        ("search-test", "search", True), ("search-test", "tv", False),
        ("tv-test", "search", False), ("tv-test", "tv", True),
    ]  # fmt: skip
    assert rows[0][3:] == ("refit", None)
    assert all(row[4] > 0 for row in rows[2:])


def long_term(house, result, version):
    """Fitted, registered, promoted with its model, and published."""
    (stored,) = (house.root / "long_term" / MODEL / str(LAST_WEEK)).glob("*.nc")
    found = metadata(result, "bvar_posterior")
    assert found["long_term_version"] == stored.stem
    assert found["registered_as"] == f"mmm_{MODEL}_long_term version 1"
    assert house.tracking.aliases(MODEL, "long_term") == {"challenger": "1", "champion": "1"}
    with house.warehouse.connect(read_only=True) as connection:
        effects = connection.execute(
            "select channel, effect, path, horizon_weeks, posterior_version, long_term_version "
            "from (from results.long_term_roi union all by name from results.total_roi) "
            "where path = 'all' and effect <> 'long_run' order by all"
        ).fetchall()
        weeks = connection.execute(
            "select metric, count(*) from results.brand_metrics group by all order by all"
        ).fetchall()
        (after,) = connection.execute("select max(weeks_after) from results.impulse_responses").fetchone()
    assert effects == [
        (channel, effect, "all", None if effect == "short" else 26, version, stored.stem)
        for channel in ("search", "tv")
        for effect in ("long", "short", "total")
    ]
    assert weeks == [("awareness", 106), ("consideration", 106)]
    assert after == 26


def reported(house, result, version):
    """Page, Markdown and manifest are written, and kept in MLflow; the long term is in it, and no earlier week."""
    found = metadata(result, "weekly_report")
    page = Path(found["page"])
    html, text = page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text(encoding="utf-8")
    assert page.parent == house.root / "reports" / MODEL / str(LAST_WEEK)
    assert found["report"] == text
    assert "<h2>The long term</h2>" in html
    assert "no previous published version" in html
    assert found["compared_with"] == "no earlier published week"
    manifest = json.loads(page.with_suffix(".json").read_bytes())
    jsonschema.validate(manifest, schema())
    assert manifest["posterior"]["version"] == version
    answers = {f"mmm_{MODEL}_{kind}": "1" for kind in ("curves", "budget", "long_term")}
    assert manifest["registered"] == {"name": f"mmm_{MODEL}", "version": "1", "answers": answers}
    assert f"version 1 of mmm_{MODEL}_budget" in html
    assert manifest["files"]["report.html"] == sha256(html.encode()).hexdigest()
    run = found["mlflow_run"].rsplit("/", 1)[-1]
    client = house.tracking.client()
    assert {file.path for file in client.list_artifacts(run)} == {"report.html", "report.md", "report.json"}
    verdicts = {
        e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key.path == ["weekly_report"]
    }
    assert verdicts.keys() == {"says_what_the_marts_say", "stands_alone", "fits_on_two_sheets"}
    assert all(verdict.passed for verdict in verdicts.values()), verdicts


def told_apart(house, version):
    """A week later data and evidence have changed: a refit with one of them swapped tells them apart."""
    house.write_mart(NEXT_WEEK)
    house.write_spec()
    behind = "roi response_curves budget_allocation model_review budget_readiness"
    long = "brand_state bvar_posterior total_roi budget_scenarios"
    stages = f"model_table lift_evidence mmm_posterior registered_model {behind} {long} weekly_report"
    result = house.refresh(NEXT_WEEK, stages)
    assert result.success
    found = metadata(result, "weekly_report")
    assert (found["compared_with"], found["refits"]) == (str(LAST_WEEK), 1)
    page = Path(found["page"])
    previous = json.loads(page.with_suffix(".json").read_bytes())["previous"]
    assert previous["version"] == version
    assert previous["changed"] == ["data", "evidence"]
    assert previous["steps"] == [["data"], ["evidence"]]
    kept = house.results.stored("belief_changes", vintage(NEXT_WEEK)).set_index("channel")
    assert set(kept["previous_version"]) == {version}
    assert kept["what_changed"].iloc[0].startswith("data: 1 new week")
    assert "evidence: no longer used: search-test, tv-test" in kept["what_changed"].iloc[0]
    since = (
        house.results.stored("roi", vintage(NEXT_WEEK)).query("metric == 'roi'").set_index("channel")["mean"]
    )
    then = house.results.stored("roi", vintage()).query("metric == 'roi'").set_index("channel")["mean"]
    parts = kept[["data", "evidence", "specification", "software", "chance"]].sum(axis=1)
    assert parts.tolist() == pytest.approx((since - then)[kept.index].tolist())
    assert house.results.stored("belief_changes", vintage()).empty  # before the first there was nothing
    text = " ".join(page.with_suffix(".md").read_text(encoding="utf-8").replace("\\", "").split())
    assert "no longer used: search-test, tv-test" in text
    assert "1 refit of 300 draws" in text


def tracked(house, result, version):
    """Every materialization is an MLflow run that says where it came from."""
    client = house.tracking.client()
    experiment = client.get_experiment_by_name(f"mmm/{MODEL}")
    runs = {run.data.tags["asset_key"]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == STAGES - {
        "geo_lift"
    }  # the model lists no experiment, and nothing of none is recorded
    for asset, run in runs.items():
        assert run.info.status == "FINISHED"
        assert run.data.tags["dagster_run_id"] == result.run_id
        assert run.data.tags["partition_key"] == f"{LAST_WEEK}|{MODEL}"
        assert run.data.tags["code_version"]
        if asset not in ("model_table", "data_health", "lift_evidence", "brand_state"):
            assert run.data.tags["posterior_version"] == version
    assert runs["roi"].data.tags["model_version"] == "1"
    assert client.get_model_version(f"mmm_{MODEL}", "1").tags["dagster_run_id"] == result.run_id
    live = client.get_model_version_by_alias(f"mmm_{MODEL}_budget", "champion").tags
    gates = house.results.read("budget_readiness", vintage())
    ready = bool((gates["passed"] | gates["overridden"]).all())
    assert live["ready"] == str(ready).lower()
    assert (live["not_ready_because"] == "none") == ready


def test_the_champion_predicts_a_plan(house):
    import mlflow
    import pandas as pd

    answers, judged = "response_curves budget_allocation", "roi backtest stability"
    stages = (
        f"model_table lift_evidence mmm_posterior registered_model {answers} model_review {judged} champion"
    )
    assert house.refresh(only=stages).success
    house.tracking.client()
    model = mlflow.pyfunc.load_model(f"models:/mmm_{MODEL}@champion")
    plan = pd.DataFrame(
        {"week_start": pd.date_range(NEXT_WEEK, periods=4, freq="7D"), "search_spend": 1e5, "tv_spend": 0.0}
    )
    forecast = model.predict(plan)
    more = model.predict(plan.assign(search_spend=2e5))
    assert list(forecast["week_start"]) == list(plan["week_start"])
    assert (forecast["q05"] < forecast["mean"]).all()
    assert (forecast["mean"] < forecast["q95"]).all()
    assert (more["mean"] > forecast["mean"]).all()


def test_a_failed_review_blocks_promotion_and_publication_but_not_the_budget(house):
    house.write_spec(review=STRICT)
    result = house.refresh()
    assert not result.success
    assert STAGES - materialized(result) == {
        "budget_readiness", "champion", "published_results", "weekly_report",
    }  # fmt: skip
    assert "ess_bulk" in failure(result, "model_review")
    assert house.tracking.aliases(MODEL) == {"challenger": "1"}
    with house.warehouse.connect(read_only=True) as connection:
        review = connection.execute(
            "select check_name from results.model_review where severity = 'ERROR' and not passed"
        )
        assert review.fetchall() == [("ess_bulk",)]
        assert connection.execute("select count(*) from results.budget_allocation").fetchone() == (0,)

    # Nor does it pass in a run of its own, where no check blocks it.
    alone = house.refresh(only="champion published_results")
    assert "ess_bulk" in failure(alone, "champion")
    assert materialized(alone) == set()

    # Thresholds are no part of the posterior: a review that passes promotes the same version.
    house.write_spec(review=LENIENT)
    later = house.refresh(only="model_review budget_readiness champion published_results")
    assert later.success
    assert house.tracking.aliases(MODEL) == {"challenger": "1", "champion": "1"}


def test_results_of_another_posterior_are_not_published(house):
    assert house.refresh().success
    house.write_spec(fit={"chains": 2, "warmup": 150, "draws": 150, "seed": 4})
    judged = "model_review roi backtest stability"
    reduced = f"mmm_posterior registered_model response_curves budget_allocation {judged} champion"
    result = house.refresh(only=f"{reduced} published_results")
    said = failure(result, "published_results")
    assert "contributions" in said
    assert "materialize them again" in said


def test_aliases_follow_the_weeks(house):
    reduced = (
        "model_table lift_evidence mmm_posterior registered_model model_review response_curves budget_allocation roi "
        "backtest stability champion"
    )
    house.refresh(LAST_WEEK, reduced)
    assert house.tracking.aliases(MODEL) == {"challenger": "1", "champion": "1"}

    house.write_mart(NEXT_WEEK)
    house.write_spec(review=STRICT)
    house.refresh(NEXT_WEEK, reduced)
    assert house.tracking.aliases(MODEL) == {"challenger": "2", "champion": "1"}
    house.write_spec()
    house.refresh(NEXT_WEEK, reduced)
    assert house.tracking.aliases(MODEL) == {"challenger": "2", "champion": "2", "previous": "1"}

    # A past week fitted anew is registered, and takes nobody's place.
    house.write_spec(controls=[])
    past = house.refresh(LAST_WEEK, reduced)
    assert past.success
    assert metadata(past, "champion")["outcome"].startswith("kept out")
    assert house.tracking.aliases(MODEL) == {"challenger": "2", "champion": "2", "previous": "1"}
