"""The likelihood of lift tests: closed forms, limits, and what the order or the number of records must not change."""

import json
from datetime import date, timedelta

import jax
import numpy as np
import pandas as pd
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats

from mmm_core.data.arrays import model_data
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.stored import Evidence, evidence_from
from mmm_core.forecast.holdout import holdout_refits
from mmm_core.inference.fit import fit, refit
from mmm_core.inference.variables import trace_variables
from mmm_core.model.prepare import prepare
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.review_spec import Review
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

jax.config.update("jax_enable_x64", True)

GEO = {"geo": {"column": "geo", "population": "population"}}
GEOS = ("a", "b", "c", "d")


def model(geos=("all",), weeks=64, **more):
    spec = parse_spec(
        {**SPEC, **(GEO if len(geos) > 1 else {}), "fit": {"chains": 2, "warmup": 300, "draws": 300}, **more}
    )
    return spec, weekly_table(weeks, geos=geos)


def lift_test(incremental, error, name="a", channel="tv", first=30, geos=(), **more):
    """Four weeks without a channel, from the table's week `first`."""
    start = (pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=first)).date()
    return WeighedTest(
        LiftTest(
            name,
            {channel: TestedSpend(100.0, 0.0)},
            start,
            start + timedelta(days=27),
            incremental,
            error,
            geos,
            **more,
        )
    )


def evidence(*tests):
    return Evidence("small", date(2025, 3, 24), tests)


def prepared(spec, table, tests=()):
    data = model_data(table, spec)
    return prepare(data, spec, lift_tests=tests)


def density(of, seed=0):
    """Joint log density of a model at values drawn from its prior, and those values."""
    drawn = handlers.trace(handlers.seed(of.model.effects, jax.random.key(seed))).get_trace(of.arrays)
    values = {name: site["value"] for name, site in drawn.items() if site["type"] == "sample"}
    return float(log_density(of.model, (of.arrays,), {}, values)[0]), values


def what_tests_add(spec, table, tests, seed=0):
    """Log density with tests less that without, at the same values; weights of heavy tails left out."""
    values = density(prepared(spec, table), seed)[1]

    def at_values(of):
        missing = {name: np.ones(len(tests)) for name in ("lift_test_weight",) if of.model.integrates_geos}
        return float(log_density(of.model, (of.arrays,), {}, {**values, **missing})[0])

    return at_values(prepared(spec, table, tests)) - at_values(prepared(spec, table)), values


def tree_of(spec, table, values):
    """A posterior whose every draw is these values of the sampled parameters."""
    of = prepared(spec, table)
    effects = handlers.substitute(handlers.seed(of.model.effects, jax.random.key(0)), values)(of.arrays)
    shape = {name: np.asarray(value) for name, value in effects.parameters.shape.items()}
    return posterior(spec, table, coefficient=effects.parameters.coefficient, **shape)


@pytest.mark.parametrize("likelihood", ["normal", "student_t"])
@pytest.mark.parametrize("scale", ["level", "log"])
def test_tests_add_the_density_of_what_they_missed(likelihood, scale):
    spec, table = model(
        kpi={"column": "revenue", "scale": scale}, calibration={"likelihood": likelihood, "nu": 5}
    )
    tests = [lift_test(120.0, 40.0), lift_test(30.0, 25.0, "b", "search", 40, outcome="kpi")]
    added, values = what_tests_add(spec, table, tests)
    expected = replayed_tests(tree_of(spec, table, values), tests).to_numpy()[0]
    error = stats.norm() if likelihood == "normal" else stats.t(5, scale=np.sqrt(6 / 8))
    missed = (np.array([120.0, 30.0]) - expected) / [40.0, 25.0]
    assert added == pytest.approx(float(np.sum(error.logpdf(missed) - np.log([40.0, 25.0]))), rel=1e-8)


def test_inflation_widens_the_error_and_nothing_else():
    spec, table = model(calibration={"likelihood": "normal"})
    wide = lift_test(120.0, 80.0)
    inflated = WeighedTest(lift_test(120.0, 40.0).test, inflation=2.0)
    assert what_tests_add(spec, table, [inflated])[0] == what_tests_add(spec, table, [wide])[0]


@pytest.mark.parametrize("geos", [("all",), GEOS])
def test_neither_order_nor_number_of_records_matters(geos):
    """Two independent tests that found the same say what one with half the variance says."""
    spec, table = model(geos, calibration={"likelihood": "normal"})
    some = geos[:2] if len(geos) > 1 else ()
    first, second = lift_test(120.0, 40.0, "a", geos=some), lift_test(50.0, 30.0, "b", "search", geos=some)
    one, other = prepared(spec, table, [first, second]), prepared(spec, table, [second, first])
    assert one.model == other.model
    for left, right in zip(
        jax.tree.leaves(one.arrays.replay), jax.tree.leaves(other.arrays.replay), strict=True
    ):
        np.testing.assert_array_equal(left, right)
    root = np.sqrt(2)
    pair = [lift_test(120.0, 40.0 * root, "a", geos=some), lift_test(120.0, 40.0 * root, "b", geos=some)]
    gain = [
        what_tests_add(spec, table, pair, seed)[0] - what_tests_add(spec, table, [first], seed)[0]
        for seed in (1, 2)
    ]
    assert gain[0] == pytest.approx(gain[1], abs=1e-8)


def test_in_a_panel_without_spread_a_test_in_some_geos_is_one_of_the_common_effect():
    tight = {
        "geo": {**GEO["geo"], "spread": {"lognormal": [-18, 0.1]}},
        "calibration": {"likelihood": "normal"},
    }
    spec, table = model(GEOS, **tight)
    tests = [
        lift_test(900.0, 300.0, geos=("a", "c")),
        lift_test(100.0, 200.0, "b", "search", 40, geos=("b",)),
    ]
    added, values = what_tests_add(spec, table, tests)
    expected = replayed_tests(tree_of(spec, table, values), tests).to_numpy()[0]
    missed = np.array([900.0, 100.0]) - expected
    assert added == pytest.approx(stats.norm.logpdf(missed, scale=[300.0, 200.0]).sum(), rel=1e-5)


def test_a_model_without_tests_is_the_program_that_it_was():
    spec, table = model()
    of = prepared(spec, table)
    assert of.arrays.replay is None
    assert of.model.replay is None
    calibrated = model(calibration={"lift_tests": "approved"})[0]
    assert prepared(calibrated, table).model == of.model
    assert str(trace_variables(prepared(calibrated, table))) == str(trace_variables(of))
    assert calibrated.spec_hash == spec.spec_hash


def test_what_a_fit_reads_of_the_calibration_is_in_the_hash_of_the_specification():
    assert model(calibration={"nu": 7})[0].spec_hash != model()[0].spec_hash
    assert model(calibration={"rule": {"half_life_weeks": 26}})[0].spec_hash == model()[0].spec_hash


@pytest.fixture(scope="module", params=[("all",), GEOS], ids=["national", "panel"])
def calibrated(request):
    """A function from tests to what a fit with them says of the first test, and of search."""
    spec, table = model(request.param)
    some = request.param[:2] if len(request.param) > 1 else ()
    kept = {}

    def fitted(name, *tests, likelihood="student_t"):
        if name not in kept:
            calibration = spec.calibration.model_copy(update={"likelihood": likelihood})
            kept[name] = fit(
                table, spec.model_copy(update={"calibration": calibration}), lift_tests=evidence(*tests)
            )
        return kept[name]

    def lifts(tree, test):
        return replayed_tests(tree, [test]).to_numpy()[:, 0]

    before = lifts(fitted("none"), lift_test(1.0, 1.0, geos=some))
    return fitted, lifts, before, some


@pytest.mark.slow
def test_as_the_error_grows_the_test_says_nothing_and_as_it_shrinks_it_is_met(calibrated):
    fitted, lifts, before, geos = calibrated
    away = before.mean() + 2 * before.std()
    loose, tight = (lift_test(away, factor * before.std(), geos=geos) for factor in (1e4, 0.02))
    after = lifts(fitted("loose", loose), loose)
    error = before.std() / np.sqrt(50)  # of a mean, by effective draws
    assert after.mean() == pytest.approx(before.mean(), abs=4 * error)
    assert after.std() == pytest.approx(before.std(), rel=0.4)
    met = lifts(fitted("tight", tight), tight)
    assert met.mean() == pytest.approx(away, abs=0.1 * before.std())
    assert met.std() < 0.1 * before.std()


@pytest.mark.slow
def test_a_test_of_no_effect_pulls_its_channel_towards_zero(calibrated):
    fitted, lifts, before, geos = calibrated
    none = lift_test(0.0, before.mean() / 4, geos=geos)
    after = lifts(fitted("zero", none, likelihood="normal"), none)
    assert after.mean() < before.mean() - 0.4 * before.std()


@pytest.mark.slow
def test_ten_times_the_truth_does_not_drag_the_other_channels(calibrated):
    """With heavy tails a result that is out of the question is set aside, not met."""
    fitted, lifts, before, geos = calibrated
    wrong = lift_test(10 * before.mean(), 0.5 * before.std(), geos=geos)
    tree = fitted("wrong", wrong)
    without = Posterior.of(fitted("none")).draws("roi")[:, 1]
    search = Posterior.of(tree).draws("roi")[:, 1]
    assert abs(search.mean() - without.mean()) < 0.5 * without.std()
    assert lifts(tree, wrong).mean() < 0.5 * wrong.test.incremental


@pytest.mark.slow
def test_the_same_tests_give_the_same_draws_in_any_order():
    spec, table = model(weeks=52)
    tests = [lift_test(120.0, 40.0, "a"), lift_test(50.0, 30.0, "b", "search")]
    one, other = (
        fit(table, spec, lift_tests=evidence(*tests)),
        fit(table, spec, lift_tests=evidence(*tests[::-1])),
    )
    np.testing.assert_array_equal(one["posterior"]["roi"], other["posterior"]["roi"])


def test_a_refit_does_not_see_a_result_of_later_days():
    """A forecast from an origin may not know what was measured after it."""
    spec, table = model(weeks=52, fit={"engine": "laplace", "chains": 2, "draws": 100})
    tests = evidence(lift_test(120.0, 40.0, "early", first=10), lift_test(120.0, 40.0, "late", first=40))
    whole, held = (fit(table, spec, lift_tests=tests, holdout_weeks=weeks) for weeks in (0, 13))
    seen = [
        [each.test.test_id for each in evidence_from(json.loads(tree.attrs["lift_tests"])).tests]
        for tree in (whole, held)
    ]
    assert seen == [["early", "late"], ["early"]]
    early = fit(table, spec, lift_tests=evidence(tests.tests[0]), holdout_weeks=13)
    np.testing.assert_allclose(early["posterior"]["roi"], held["posterior"]["roi"], rtol=1e-8)
    other = evidence(tests.tests[0], lift_test(9e6, 40.0, "late", first=40))
    unseen = fit(table, spec, lift_tests=other, holdout_weeks=13)
    np.testing.assert_array_equal(unseen["posterior"]["roi"], held["posterior"]["roi"])


@pytest.mark.slow
def test_in_a_panel_a_refit_starts_where_the_whole_fit_ended_and_a_result_of_later_days_says_nothing():
    spec, table = model(GEOS, weeks=52)
    early = lift_test(900.0, 300.0, "early", first=10, geos=("a", "b"))

    whole = fit(
        table,
        spec,
        lift_tests=evidence(early, lift_test(120.0, 200.0, "late", "search", first=40, geos=("c",))),
    )
    held = refit(table, spec, whole, 13, lift_tests=calibrated_by(whole))
    assert int(held["sample_stats"].attrs["warmup"]) < int(whole["sample_stats"].attrs["warmup"])
    assert [each.test.test_id for each in calibrated_by(held).tests] == ["early"]
    assert_same_density(spec, table, early)


def assert_same_density(spec, table, early):
    """With the KPI of the last weeks held out, a later test moves the density by a constant and its weight alone."""
    data = model_data(table, spec, holdout_weeks=13)
    late = [lift_test(result, 200.0, "late", "search", first=40, geos=("c",)) for result in (120.0, 9e6)]
    alone, *others = (
        prepare(data, spec, lift_tests=tests) for tests in ([early], *([early, each] for each in late))
    )
    gain = []
    for seed in (1, 2):
        values = density(alone, seed)[1]
        weights = np.append(values["lift_test_weight"], 1.0)
        found = [
            log_density(of.model, (of.arrays,), {}, {**values, "lift_test_weight": weights})[0]
            for of in others
        ]
        assert float(found[0]) == float(found[1])
        gain.append(float(found[0] - log_density(alone.model, (alone.arrays,), {}, values)[0]))
    assert gain[0] == pytest.approx(gain[1], abs=1e-8)


def test_a_week_without_a_kpi_hides_no_test():
    """What a fit sees follows from the weeks asked for: the version of its posterior was made of the same tests."""
    spec, table = model(
        weeks=52, kpi={"column": "revenue", "gaps": "leave_out"}, fit={"engine": "laplace", "draws": 100}
    )
    table.loc[51, "revenue"] = np.nan
    found = evidence(lift_test(120.0, 40.0, first=44, post_weeks=4))
    tree = fit(table, spec, lift_tests=found)
    assert calibrated_by(tree).version == found.version


def test_the_reviews_refits_see_the_tests_of_the_posterior_whether_it_is_read_as_a_tree_or_a_handle():
    spec, table = model(weeks=52, fit={"engine": "laplace", "chains": 2, "draws": 100})
    tree = fit(table, spec, lift_tests=evidence(lift_test(120.0, 40.0, "early", first=10)))
    for source in (tree, Posterior.of(tree)):
        (held,) = holdout_refits(table, spec, Review(holdout_weeks=8, holdout_origins=1), source)
        assert "early" in calibrated_by(held)


def test_an_engine_without_a_place_for_tests_refuses_them_by_name():
    spec, table = model(fit={"engine": "ridge"})
    with pytest.raises(InputError, match=r"ridge has no place .*summer-tv"):
        fit(table, spec, lift_tests=evidence(lift_test(1.0, 1.0, "summer-tv")))
