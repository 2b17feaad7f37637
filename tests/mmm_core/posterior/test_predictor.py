"""Media effects of many draws: the same whatever number of them is asked for, and by one compiled program."""

import numpy as np
import pytest

from mmm_core.posterior import predictor as module
from mmm_core.posterior.handle import Posterior
from tests.mmm_core import brute_force
from tests.mmm_core.whole_family import case

pytestmark = pytest.mark.usefixtures("hurried_compiler")


@pytest.mark.parametrize("at_once", [2, 3, 250])
def test_any_number_of_draws_by_brute_force(monkeypatch, at_once):
    monkeypatch.setattr(module, "DRAWS_AT_ONCE", at_once)
    tree = case("panel")
    predictor = Posterior.of(tree).predictor()
    for count in (1, 3, 5):
        found = predictor.media_terms(slice(0, count))
        assert len(found) == count
        for draw in range(count):
            expected = brute_force.media_terms(tree, brute_force.one_draw(tree, draw))
            np.testing.assert_allclose(found[draw], expected, rtol=1e-9, atol=1e-12)


def test_analyses_of_different_numbers_of_draws_share_a_program():
    predictor = Posterior.of(case("plain")).predictor()
    predictor.media_terms(slice(0, 1))
    before = module._media_terms._cache_size()
    for count in (2, 4, predictor.draws):
        predictor.media_terms(slice(0, count), predictor.exposure * 1.01)
    assert module._media_terms._cache_size() == before
