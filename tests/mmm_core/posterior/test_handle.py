"""One handle a posterior: the same as long as its tree is the same, and gone with it."""

import gc
import weakref

import numpy as np
import pytest

from mmm_core.effects.roi import roi_draws, roi_table
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import load_posterior, save_posterior, spec_of
from tests.mmm_core.posteriors import posterior


@pytest.fixture
def tree():
    return posterior(draws=20)


def test_a_tree_has_one_handle(tree):
    handle = Posterior.of(tree)
    assert Posterior.of(tree) is handle
    assert Posterior.of(handle) is handle
    assert handle.spec == spec_of(tree)
    assert (handle.chains, handle.draws_a_chain) == (2, 20)
    assert Posterior.of(posterior(draws=20)) is not handle


def test_a_tree_that_was_changed_has_another(tree):
    before = Posterior.of(tree)
    table = roi_table(tree)
    group = tree["posterior"].to_dataset()
    tree["posterior"] = group.assign(coefficient=group["coefficient"] * 2)
    assert Posterior.of(tree) is not before
    assert Posterior.of(tree) is Posterior.of(tree)
    changed = roi_table(tree).query("metric == 'roi'")["mean"].to_numpy()
    np.testing.assert_allclose(changed, 2 * table.query("metric == 'roi'")["mean"])
    tree.attrs["approximate"] = "roughly"
    assert Posterior.of(tree).approximate == "roughly"


def test_a_handle_goes_with_its_tree(tmp_path):
    tree = load_posterior(save_posterior(posterior(draws=5), tmp_path / "posterior.nc"))
    handle = weakref.ref(Posterior.of(tree))
    assert handle() is Posterior.of(tree)
    del tree
    gc.collect()
    assert handle() is None


def test_an_analysis_is_worked_out_once_and_its_answer_is_the_callers_own(tree):
    asked = []

    def mean(handle):
        asked.append(handle)
        return float(handle.draws("sigma").mean())

    assert Posterior.of(tree).once(mean) == Posterior.of(tree).once(mean)
    assert asked == [Posterior.of(tree)]
    mine = roi_draws(tree)
    mine["roi"] = mine["roi"] * 0
    assert float(roi_draws(tree)["roi"].mean()) != 0


def test_draws_are_those_of_the_tree_chain_after_chain(tree):
    handle = Posterior.of(tree)
    level = tree["posterior"]["level"].to_numpy()
    np.testing.assert_array_equal(handle.draws("level")[20], level[1, 0])
    np.testing.assert_array_equal(handle.draws("level", np.array([3, 21])), [level[0, 3], level[1, 1]])
    predictor = handle.predictor(handle.thinned(4))
    assert predictor.draws == 4
    np.testing.assert_array_equal(predictor.level, level[:, ::10].reshape(4, -1))


def test_the_answer_to_the_last_question_is_kept(tree):
    asked = []

    def mean_of(handle, name):
        asked.append(name)
        return float(handle.draws(name).mean())

    handle = Posterior.of(tree)
    assert handle.latest(mean_of, "sigma") == handle.latest(mean_of, "sigma") == handle.draws("sigma").mean()
    assert asked == ["sigma"]
    assert handle.latest(mean_of, "coefficient") == handle.draws("coefficient").mean()
    handle.latest(mean_of, "sigma")
    assert asked == ["sigma", "coefficient", "sigma"]
