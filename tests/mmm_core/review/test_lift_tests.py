"""The review's check of lift tests: what chance leaves outside, one far out, and a model without any."""

from datetime import date

import numpy as np
import pytest
from scipy import stats

from mmm_core.agreement.predicted import predictions
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.evidence.stored import Evidence
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import LIFT_TESTS, calibrated_by
from mmm_core.review.lift_tests import LiftTests, chance_of_so_far
from mmm_core.review.subject import Subject
from mmm_core.spec.review_spec import Review
from tests.mmm_core.agreement.calibrated import calibrated, lift_test
from tests.mmm_core.posteriors import posterior


def verdict(tree):
    return LiftTests(Review()).run(Subject(Posterior.of(tree)))


def test_tests_that_agree_pass():
    found = verdict(calibrated({"tv-1": 1.1, "tv-2": 0.9, "search-1": 1.0}))
    assert found.passed
    assert found.severity == "ERROR"
    assert found.figure > 0.99
    assert found.message.startswith(
        "3 of 3 lift tests within the 90 % predictive intervals of the calibrated model"
    )


def test_one_far_out_refuses_the_model_is_named_and_says_what_to_do():
    tree = calibrated({"tv-1": 1.1, "tv-2": 0.9, "search-1": 40.0})
    found = verdict(tree)
    assert not found.passed
    tests = calibrated_by(tree).tests
    lifts = replayed_tests(tree, tests).to_numpy()
    missed = (np.array([each.test.incremental for each in tests]) - lifts) / [
        each.standard_error for each in tests
    ]
    error = stats.t(4, scale=Posterior.of(tree).spec.calibration.error_scale)
    farthest = 1 - (1 - 2 * error.sf(np.abs(missed).max(axis=1))) ** 3
    assert found.figure == pytest.approx(2 * farthest.mean(), rel=0.05)  # of a thousand of the draws
    assert f"search-1 (search) measured {tests[2].test.incremental:,.0f}, the model says " in found.message
    assert "and 100% of its draws hold it outside" in found.message
    assert "reject in the approvals what was measured wrong" in found.message
    assert "tv-1" not in found.message


def test_one_a_little_outside_is_chance_and_is_named_all_the_same():
    found = verdict(calibrated({"tv-1": 4.5, "tv-2": 0.9, "search-1": 1.0}))
    assert found.passed
    assert "2 of 3 lift tests within" in found.message
    assert "tv-1 (tv) measured" in found.message
    assert "reject in the approvals" not in found.message


def test_two_tests_that_contradict_each_other_are_both_named_though_the_draws_between_them_span_either():
    """Half of the draws go with one test, half with the other: each lies in the predictive interval, and none fits."""
    half = np.repeat([1.0, 12.0], 500)
    tree = calibrated(
        {"tv-1": 1.0, "tv-2": 1.0}, alpha=0.5, half_saturation=1.0, slope=1.0, coefficient=[[1, 1, 1]]
    )
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(coefficient=group["coefficient"] * half[None, :, None, None])
    lifts = replayed_tests(tree, calibrated_by(tree).tests).to_numpy()
    low, high = lifts.min(axis=0), lifts.max(axis=0)
    tests = [lift_test(float(value), 0.05 * float(high[number]), f"tv-{number + 1}", first=10 + 5 * number)
             for number, value in enumerate((low[0], high[1]))]  # fmt: skip
    tree.attrs[LIFT_TESTS] = Evidence("small", date(2025, 3, 24), tuple(tests)).to_json()
    assert all(each.inside for each in predictions(tree, tests).values())
    found = verdict(tree)
    assert not found.passed
    assert "tv-1 (tv) measured" in found.message
    assert "tv-2 (tv) measured" in found.message
    assert "and 50% of its draws hold it outside" in found.message


def test_a_model_without_tests_passes_and_says_so():
    found = verdict(posterior())
    assert (found.passed, found.message) == (True, "no lift test calibrates this model")
    assert np.isnan(found.figure)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_of_right_models_it_refuses_no_more_than_the_level(count):
    """P-values of a right model are uniform; both questions together are held to the level."""
    chances = chance_of_so_far(np.random.default_rng(count).random((20_000, count)))
    for level in (0.01, 0.05):
        assert (chances < level).mean() <= level + 3 * np.sqrt(level / len(chances))
    assert (chances < 0.05).mean() > 0.01  # and not never


def test_so_many_outside_are_told_from_chance_though_none_is_far_out():
    p_values = np.array([0.09] * 5 + [0.5] * 3)
    assert chance_of_so_far(p_values) == pytest.approx(2 * stats.binom.sf(4, 8, 0.1))
