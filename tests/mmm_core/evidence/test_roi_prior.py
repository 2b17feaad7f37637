"""Lift tests as priors of an ROI: their mean by hand, and the very fit that the same prior in the YAML gives."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from mmm_core.agreement.left_out import leave_out
from mmm_core.data.arrays import model_data
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.roi_prior import TESTED_ROI, as_priors, with_tested_roi
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.fit import fit
from mmm_core.model.beliefs import effect_beliefs, lognormal_of
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

FIT = {"fit": {"chains": 2, "warmup": 100, "draws": 100}}
TABLE = weekly_table()


def spec_of(wanted="all", **more):
    return parse_spec({**SPEC, **FIT, "calibration": {"as_roi_prior": wanted}, **more})


def lift_test(name, incremental, error, channel="tv", actual=100.0, inflation=1.0, **more):
    start, end = date(2024, 8, 5), date(2024, 9, 1)
    spend = {one: TestedSpend(actual, 0.0) for one in channel.split("+")}
    return WeighedTest(LiftTest(name, spend, start, end, incremental, error, **more), inflation)


def said(spec, *tests):
    return with_tested_roi(model_data(TABLE, spec), tests, spec)[TESTED_ROI].to_numpy()


def test_several_tests_of_a_channel_are_averaged_by_their_precisions_and_their_inflated_errors():
    spec = spec_of()
    tests = (lift_test("one", 200.0, 20.0), lift_test("two", -90.0, 20.0, actual=-100.0, inflation=2.0))
    # ROIs 2 and .9 with errors .2 and .4: precisions 25 and 6.25
    found = said(spec, *tests)
    channel = spec.paid.index("tv")
    assert found[channel] == pytest.approx([(25 * 2.0 + 6.25 * 0.9) / 31.25, 31.25**-0.5])
    assert np.isnan(np.delete(found, channel, axis=0)).all()


def test_units_are_worth_their_price_in_the_weeks_of_the_test():
    table = TABLE.assign(price=np.linspace(1.0, 3.0, len(TABLE)))
    spec = spec_of(kpi={"column": "revenue", "revenue_per_unit": "price"})
    (weighed,) = (lift_test("one", 50.0, 5.0, outcome="kpi"),)
    data = with_tested_roi(model_data(table, spec), [weighed], spec)
    within = table["week_start"].between("2024-08-05", "2024-09-01")
    assert data[TESTED_ROI].sel(paid_channel="tv").to_numpy() == pytest.approx(
        np.array([0.5, 0.05]) * table.loc[within, "price"].mean()
    )


def test_the_belief_on_a_tested_channel_is_a_log_normal_of_that_mean_and_error():
    spec = spec_of()
    tests = (lift_test("one", 200.0, 20.0),)
    plain = effect_beliefs(spec, model_data(TABLE, spec))
    informed = effect_beliefs(spec, with_tested_roi(model_data(TABLE, spec), tests, spec))
    tv = spec.channels.index("tv")
    assert (informed[tv].kind, informed[tv].prior) == ("roi", lognormal_of(2.0, 0.2))
    frozen = informed[tv].prior.frozen()
    assert (frozen.mean(), frozen.std()) == pytest.approx((2.0, 0.2))
    assert [belief for i, belief in enumerate(informed) if i != tv] == [
        belief for i, belief in enumerate(plain) if i != tv
    ]


def test_which_tests_become_priors_is_the_yamls_choice():
    tests = (lift_test("one", 2.0, 1.0), lift_test("two", 2.0, 1.0))
    assert as_priors(tests, spec_of("all")) == tests
    assert as_priors(tests, spec_of(["two", "three"])) == tests[1:]
    assert as_priors(tests, parse_spec(SPEC)) == ()


EVIDENCE = Evidence("small", date(2025, 3, 17), (lift_test("one", 200.0, 20.0),))


@pytest.fixture(scope="module")
def told():
    """A posterior for which the test was a prior."""
    return fit(TABLE, spec_of(), lift_tests=EVIDENCE)


def test_a_fit_is_the_one_that_the_prior_in_the_yaml_gives_and_a_later_result_is_not_in_it(told):
    low, sd = lognormal_of(2.0, 0.2).parameters
    media = {**SPEC["media"]}
    channels = {**media["channels"]}
    channels["tv"] = {**channels["tv"], "prior": {"roi": {"lognormal": [low, sd]}}}
    stated = fit(TABLE, parse_spec({**SPEC, **FIT, "media": {**media, "channels": channels}}))
    for name in ("roi", "coefficient", "alpha"):
        assert np.array_equal(told["posterior"][name], stated["posterior"][name]), name
    (late,) = EVIDENCE.tests
    late = replace(late, test=replace(late.test, reported=date(2025, 3, 1)))
    held_out = fit(TABLE, spec_of(), holdout_weeks=8, lift_tests=replace(EVIDENCE, tests=(late,)))
    assert TESTED_ROI not in held_out["constant_data"]
    assert TESTED_ROI in told["constant_data"]


def test_without_a_test_that_was_a_prior_the_model_is_fitted_again(told):
    (weighed,) = EVIDENCE.tests
    lifts = replayed_tests(told, [weighed])
    found = leave_out(told, [weighed], lifts, [["one"]], TABLE)[frozenset(["one"])]
    assert found.method == "refit"
    assert TESTED_ROI not in found.posterior.data
    assert leave_out(told, [weighed], lifts, [["one"]])[frozenset(["one"])].method == "unknown"


@pytest.mark.parametrize(
    ("weighed", "message"),
    [
        (lift_test("both", 200.0, 20.0, channel="tv+search"), "both: it tested tv, search together"),
        (
            lift_test("post", 200.0, 20.0, channel="email"),
            "post: email has no spend and so no ROI: let it be replayed",
        ),
        (lift_test("none", -200.0, 20.0), "none: the mean ROI of tv is -2, and a log-normal prior"),
    ],
)
def test_a_test_that_makes_no_prior_is_refused_by_name(weighed, message):
    with pytest.raises(InputError, match=message):
        said(spec_of(), weighed)


def test_an_engine_without_a_place_for_tests_says_that_they_may_be_priors_and_ridge_takes_neither():
    pymc, ridge = ({"fit": {"engine": engine, "chains": 1, "draws": 100}} for engine in ("pymc", "ridge"))
    with pytest.raises(InputError, match=r"no place for further likelihood terms.*as_roi_prior: all"):
        fit(TABLE, parse_spec({**SPEC, **pymc}), lift_tests=EVIDENCE)
    with pytest.raises(InputError, match="engine ridge has no priors of effects"):
        fit(TABLE, parse_spec({**SPEC, **ridge, "calibration": {"as_roi_prior": "all"}}), lift_tests=EVIDENCE)
