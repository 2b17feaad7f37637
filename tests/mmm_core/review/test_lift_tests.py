"""The review's check of lift tests: what chance leaves outside, one far out, and a model without any."""

import jax
import numpy as np
import pytest
from scipy import stats

from mmm_core.agreement.predicted import predictions
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by
from mmm_core.review.lift_tests import LiftTests, chance_of_so_far, most_outside
from mmm_core.review.subject import Subject
from mmm_core.spec.review_spec import Review
from tests.mmm_core.agreement.calibrated import calibrated
from tests.mmm_core.posteriors import posterior

jax.config.update("jax_enable_x64", True)


def verdict(tree):
    return LiftTests(Review()).run(Subject(Posterior.of(tree)))


def test_tests_that_agree_pass():
    found = verdict(calibrated({"tv-1": 1.1, "tv-2": 0.9, "search-1": 1.0}))
    assert found.passed
    assert found.severity == "ERROR"
    assert found.figure == 1.0
    assert found.message.startswith(
        "3 of 3 lift tests within the 90 % predictive intervals of the calibrated model"
    )


def test_one_far_out_refuses_the_model_is_named_and_says_what_to_do():
    tree = calibrated({"tv-1": 1.1, "tv-2": 0.9, "search-1": 40.0})
    found = verdict(tree)
    assert not found.passed
    (far,) = (each for each in calibrated_by(tree).tests if each.test.test_id == "search-1")
    p_value = predictions(tree, [far])["search-1"].p_value
    assert found.figure == pytest.approx(2 * (1 - (1 - p_value) ** 3), rel=1e-6)
    assert f"search-1 (search) measured {far.test.incremental:,.0f}, the model says " in found.message
    assert "reject in the approvals what was measured wrong" in found.message
    assert "tv-1" not in found.message


def test_one_a_little_outside_is_chance_and_is_named_all_the_same():
    found = verdict(calibrated({"tv-1": 4.5, "tv-2": 0.9, "search-1": 1.0}))
    assert found.passed
    assert "2 of 3 lift tests within" in found.message
    assert "tv-1 (tv) measured" in found.message
    assert "reject in the approvals" not in found.message


def test_a_model_without_tests_passes_and_says_so():
    found = verdict(posterior())
    assert (found.passed, found.message) == (True, "no lift test calibrates this model")
    assert np.isnan(found.figure)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_of_right_models_it_refuses_no_more_than_the_level(count):
    """P-values of a right model are uniform; both questions together are held to the level."""
    drawn = np.random.default_rng(count).random((20_000, count))
    chances = np.array([chance_of_so_far(each) for each in drawn])
    for level in (0.01, 0.05):
        share = (chances < level).mean()
        assert share <= level + 3 * np.sqrt(level / len(drawn))
    assert (chances < 0.05).mean() > 0.01  # and not never


def test_so_many_may_lie_outside_as_chance_leaves():
    for count in (1, 3, 8, 20):
        most = most_outside(count, 0.01)
        assert stats.binom.sf(most, count, 0.1) <= 0.005 < stats.binom.sf(most - 1, count, 0.1)
    p_values = np.array([0.09] * 5 + [0.5] * 3)
    assert chance_of_so_far(p_values) == pytest.approx(2 * stats.binom.sf(4, 8, 0.1))
