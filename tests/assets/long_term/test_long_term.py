"""The long-term assets: what they freeze, fit, register, keep and check; skipped or refused, and nothing else stops."""

import dagster as dg
import mlflow
import pandas as pd
import pytest
import xarray as xr

from assets.curves.roi import roi
from assets.long_term import checks as asset_checks
from assets.long_term.brand_state import brand_state
from assets.long_term.bvar_posterior import bvar_posterior
from assets.long_term.impulse_responses import impulse_responses, media_reach
from assets.long_term.long_term_roi import long_term_roi
from assets.long_term.total_roi import short_of_the_model, total_roi
from assets.models import load_model
from mmm_core.data.table import check_table, fingerprint
from mmm_core.long_term.stage import LongTerm
from tests.assets.vintage import SMALL, VINTAGE, ModelStages, metadata
from tests.fixtures_warehouse import checks
from tests.mmm_core.long_term.surveyed import monthly
from tests.mmm_core.posteriors import weekly_table

pytestmark = pytest.mark.slow

RULE = {
    "metrics": ["awareness", "consideration"],
    "draws": 100,
    "lags": 1,
    "horizon": 13,
    "horizons": [8],
    "trend": False,
}
KEPT = {"filter": {"market": "us"}}
READ = (impulse_responses, long_term_roi, total_roi)
WEEKS = pd.DatetimeIndex(weekly_table()["week_start"])


def tracker(**changes):
    """The mart of the brand survey: months of market us, one after the as-of week among them, and another market's."""
    months = monthly(WEEKS).assign(market="us")
    late = months.groupby("metric").tail(1).assign(month_start=pd.Timestamp("2025-03-01"))
    other = months.assign(market="uk", value=0.9)
    return pd.concat([months, late, other], ignore_index=True).assign(**changes)


def materialize(stages, asset):
    return stages.materialize(asset, brand_state, bvar_posterior, roi)


def write_tracker(stages, table):
    with stages.warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
        connection.register("incoming", table)
        connection.execute("create or replace table marts.fct_brand_metrics as select * from incoming")


@pytest.fixture(scope="module")
def model(tmp_path_factory, mlflow_database):
    """A registered posterior of market us, whose YAML names two metrics, and the mart of their survey."""
    folder = tmp_path_factory.mktemp("long_term")
    (folder / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    (folder / "models").mkdir()
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("MMM_MODELS_DIR", str(folder / "models"))
        stages = ModelStages(folder, instance)
        stages.write_spec(long_term=RULE, **KEPT)
        table = weekly_table().assign(market="us")
        version = fingerprint(check_table(table, load_model(VINTAGE.model)))
        stages.vintages.save(VINTAGE, version, table)
        stages.vintages.point(VINTAGE, version)
        stages.accept()
        write_tracker(stages, tracker())
        stages.registered(spec={**SMALL, **KEPT, "long_term": RULE}, table=table, draws=60)
        yield stages


@pytest.fixture(scope="module")
def fitted(model):
    """The results of all five assets, and of the returns that one of them compares with."""
    found = {
        asset.key.path[-1]: materialize(model, asset) for asset in (roi, brand_state, bvar_posterior, *READ)
    }
    assert all(result.success for result in found.values())
    return found


def test_the_waves_that_were_known_are_frozen(fitted, model):
    frozen = pd.read_parquet(model.surveys.checked(VINTAGE, model.surveys.current(VINTAGE)))
    assert set(frozen["metric"]) == {"awareness", "consideration"}
    assert frozen["month_start"].max() == pd.Timestamp("2025-02-01")  # March is not over by the 23rd
    assert frozen["value"].max() < 0.6  # nothing of the other market
    shown = metadata(fitted["brand_state"], "brand_state")
    assert shown["waves"] == len(frozen)
    assert shown["last_wave"] == "2025-02-01"
    assert shown["brand_state"].startswith("![](data:image/png;base64,")
    (found,) = checks(fitted["brand_state"]).values()
    assert found.passed


def test_the_posterior_is_registered_beside_the_model_it_came_from(fitted, model):
    version = model.long_terms.current(VINTAGE)
    client = model.tracking.client()
    (registered,) = client.search_model_versions(f"name = 'mmm_{VINTAGE.model}_long_term'")
    assert registered.tags["long_term_version"] == version
    assert registered.tags["posterior_version"] == model.posteriors.current(VINTAGE)
    assert registered.tags["model_version"] == "1"
    beside = client.get_model_version(f"mmm_{VINTAGE.model}", "1").tags
    assert beside["long_term_version"] == str(registered.version)
    answer = mlflow.pyfunc.load_model(f"models:/mmm_{VINTAGE.model}_long_term/1").predict(
        pd.DataFrame({"channel": ["tv"]})
    )
    assert set(answer["channel"]) == {"tv"}
    assert {"short", "long", "total"} <= set(answer["effect"])
    draws = LongTerm.of(xr.open_datatree(model.long_terms.path(VINTAGE, version)).load())
    assert draws.attrs["origin"] == model.posteriors.current(VINTAGE)


def test_tables_pictures_and_versions_are_kept(fitted, model):
    results, version = model.results, model.long_terms.current(VINTAGE)
    long, total = results.stored("long_term_roi", VINTAGE), results.stored("total_roi", VINTAGE)
    assert set(long["effect"]) - {"long_run"} == {"long"}
    assert set(total["effect"]) == {"short", "total"}
    assert set(long["path"]) == {"all", "direct", "awareness", "consideration"}
    responses = results.stored("impulse_responses", VINTAGE)
    assert set(responses["weeks_after"]) == set(range(14))
    states = results.stored("bvar_posterior", VINTAGE)
    assert set(states["metric"]) == {"awareness", "consideration"}
    assert states["surveyed"].isna().any()  # weeks that nobody was asked in stay empty
    for table in (long, total, responses, states):
        assert set(table["long_term_version"]) == {version}
        assert set(table["posterior_version"]) == {model.posteriors.current(VINTAGE)}
        assert set(table["model_version"]) == {"1"}
    for asset, picture in (
        ("impulse_responses", "impulse_responses"),
        ("long_term_roi", "long_term_roi"),
        ("total_roi", "total_roi"),
        ("bvar_posterior", "brand_metrics"),
    ):
        shown = metadata(fitted[asset], asset)
        assert shown[picture].startswith(("![](data:image/png;base64,", "the figure takes")), asset
        assert shown["long_term_version"] == version


def test_every_row_of_the_checks_is_in_an_asset_check(fitted, model):
    table = model.long_terms.load(VINTAGE, model.long_terms.current(VINTAGE)).checks()
    assert set(table["check"]) <= {known.rows for known in asset_checks.CHECKS.values()}
    said = "\n".join(found.description or "" for found in checks(fitted["bvar_posterior"]).values())
    assert all(words in said for words in table["words"])


def test_a_version_that_is_there_is_not_fitted_again_and_another_rule_is_another_version(fitted, model):
    before = model.long_terms.current(VINTAGE)
    path = model.long_terms.path(VINTAGE, before)
    written = path.stat().st_ino
    again = materialize(model, bvar_posterior)
    assert again.success
    assert model.long_terms.current(VINTAGE) == before
    assert path.stat().st_ino == written
    from assets.long_term.bvar_posterior import long_term_version

    parts = ["posterior", "waves", "rule"]
    others = {
        long_term_version(*[f"{part}2" if part == changed else part for part in parts]) for changed in parts
    }
    assert len(others | {long_term_version(*parts)}) == 4


def test_the_checks_fail_where_their_rows_do():
    rows = [
        (known.rows, "tv", 0.2, 0.5, False, f"{name} is bad") for name, known in asset_checks.CHECKS.items()
    ]
    rows += [(known.rows, "ooh", 0.8, 0.5, True, "fine") for known in asset_checks.CHECKS.values()]
    table = pd.DataFrame(rows, columns=["check", "subject", "value", "bound", "passed", "words"])
    found = asset_checks.results(table)
    assert len(found) == len(asset_checks.CHECKS)
    for result in found:
        assert not result.passed
        assert result.description.splitlines() == [f"{result.check_name} is bad", "fine"]
        severe = result.check_name in ("draws_are_stable", "chains_have_mixed")
        assert result.severity.value == ("ERROR" if severe else "WARN")
    assert all(result.passed for result in asset_checks.results(table[table["passed"]]))


def test_a_figure_that_could_not_be_worked_out_is_an_error_where_a_bad_one_is():
    rows = [
        (known.rows, "", float("nan"), 1.1, False, "nobody knows") for known in asset_checks.CHECKS.values()
    ]
    table = pd.DataFrame(rows, columns=["check", "subject", "value", "bound", "passed", "words"])
    severity = {result.check_name: result.severity.value for result in asset_checks.results(table)}
    assert severity["chains_have_mixed"] == severity["draws_are_stable"] == "ERROR"
    assert severity["forecasts_beat_a_random_walk"] == "WARN"


def test_returns_of_another_posterior_fail_their_check(fitted, model):
    assert checks(fitted["total_roi"])["short_is_that_of_roi"].passed
    both = model.results.stored("total_roi", VINTAGE)
    theirs = model.results.stored("roi", VINTAGE)
    other = theirs.assign(mean=theirs["mean"] + 0.7 * theirs["sd"])
    found = short_of_the_model(both, other, 100)
    assert not found.passed
    assert "tv is -0." in found.description
    assert not short_of_the_model(both, theirs[theirs["channel"] != "tv"], 100).passed
    assert not short_of_the_model(both, theirs.assign(mean=theirs["mean"] + 0.3 * theirs["sd"]), 1000).passed


@pytest.mark.parametrize(
    ("positive", "told"), [([0.7, 0.97], True), ([0.5, 0.04], True), ([0.9, 0.2], False)]
)
def test_media_reach_base_sales_where_the_data_tell_so_of_any_channel(positive, told):
    table = pd.DataFrame({"channel": ["tv", "search"], "effect": "long", "path": "all", "positive": positive})
    found = media_reach(table)
    assert found.passed == told
    assert ("told from none" in found.description) != told


def explosive(found):
    """The same draws, their lags five times as strong."""
    draws = found.draws.copy(deep=True)
    for name in ("lag_coefficient", "largest_root"):
        draws[name] = 5 * draws[name]
    groups = {f"/{name}": found.tree[name].to_dataset() for name in found.tree.children}
    groups["/bvar"] = draws
    root = xr.Dataset(attrs={**found.tree.attrs, "stable_share": 0.0})
    return LongTerm(xr.DataTree.from_dict({"/": root, **groups}))


def test_without_stable_draws_there_are_no_long_run_figures_and_the_rest_goes_on(fitted, model):
    before = model.long_terms.current(VINTAGE)
    model.long_terms.save(VINTAGE, "unstable", explosive(model.long_terms.load(VINTAGE, before)))
    model.long_terms.point(VINTAGE, "unstable")
    try:
        found = {asset.key.path[-1]: materialize(model, asset) for asset in READ}
        assert all(result.success for result in found.values())
        (check,) = checks(found["long_term_roi"]).values()
        assert not check.passed
        assert "stable" in check.description
        assert set(model.results.stored("long_term_roi", VINTAGE)["effect"]) == {"long"}
        assert "no long-run figures" in metadata(found["long_term_roi"], "long_term_roi")["notes"]
    finally:
        model.long_terms.point(VINTAGE, before)


@pytest.mark.parametrize(
    ("table", "rule", "said"),
    [
        (tracker(market="fr"), RULE, "has no wave of market 'us'"),
        (tracker(value=1.2), RULE, "outside 0 to 1"),
        (tracker(value=0.4), RULE, "awareness"),  # a metric that never changes
        (tracker(), {**RULE, "metrics": ["awarenes"]}, "'awarenes': did you mean 'awareness'"),
        (tracker(month_start=pd.Timestamp("2025-04-01")), RULE, "no wave of awareness, consideration"),
        (None, RULE, "has not been built"),
    ],
)
def test_surveys_that_cannot_be_used_fail_a_check_and_leave_the_long_term_empty(
    fitted, model, table, rule, said
):
    if table is None:
        with model.warehouse.connect() as connection:
            connection.execute("drop table marts.fct_brand_metrics")
    else:
        write_tracker(model, table)
    model.write_spec(long_term=rule, **KEPT)
    try:
        result = materialize(model, brand_state)
        assert result.success
        (check,) = checks(result).values()
        assert not check.passed
        assert check.severity.value == "ERROR"
        assert said in check.description
        assert metadata(result, "brand_state")["refused"] == check.description
        assert model.surveys.held(VINTAGE) is None
    finally:
        write_tracker(model, tracker())
        model.write_spec(long_term=RULE, **KEPT)
        assert materialize(model, brand_state).success


def test_a_fit_that_is_refused_is_a_failed_check_and_what_follows_is_empty(fitted, model):
    waves = monthly(WEEKS)[lambda rows: rows["month_start"] < "2024-03-01"]  # two waves
    model.surveys.save(VINTAGE, "few", waves)
    before = model.surveys.current(VINTAGE)
    model.surveys.point(VINTAGE, "few")
    try:
        result = materialize(model, bvar_posterior)
        assert result.success
        answered = checks(result)["has_an_answer"]
        assert not answered.passed
        assert "wave" in answered.description
        assert model.long_terms.held(VINTAGE) is None
        for asset in READ:
            following = materialize(model, asset)
            assert following.success
            name = asset.key.path[-1]
            assert metadata(following, name)["skipped"].startswith("bvar_posterior has no")
            assert model.results.stored(name, VINTAGE).empty
        assert model.results.stored("bvar_posterior", VINTAGE).empty
    finally:
        model.surveys.point(VINTAGE, before)
        assert materialize(model, bvar_posterior).success


def test_a_model_without_brand_metrics_skips_the_stage_and_says_so(stages):
    assert materialize(stages, roi).success
    for asset in (brand_state, bvar_posterior, *READ):
        result = materialize(stages, asset)
        assert result.success
        name = asset.key.path[-1]
        assert "long_term.metrics names no brand metric" in metadata(result, name)["skipped"]
        found = checks(result).values()
        assert found
        assert all(
            check.passed and "skipped" in check.description
            for check in found
            if check.severity.value == "ERROR"
        )
    assert stages.long_terms.held(VINTAGE) is None
    for name in ("bvar_posterior", "impulse_responses", "long_term_roi", "total_roi"):
        assert stages.results.stored(name, VINTAGE).empty
    assert not stages.tracking.client().search_model_versions(f"name = 'mmm_{VINTAGE.model}_long_term'")
