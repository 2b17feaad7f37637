"""The brute force that ranks experiments: its table, its results, and the units in which a refit decides."""

import numpy as np
import pytest

from benchmarks import evsi
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.experiments.decision import decision
from mmm_core.experiments.plan import plan_experiments
from tests.mmm_core.posteriors import posterior

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def case():
    table, spec = evsi.world(1), evsi.model()
    tree = posterior(spec, table, draws=10)
    asked = evsi.ASKED.model_copy(update={"weeks": (4,), "channels": ("channel_1", "channel_2")})
    return table, spec, tree, plan_experiments(tree, asked)


def same_draws(spec, longer, tree):
    """A posterior of the longer table in whose own units the media do what they do in the tree's."""
    drawn = {
        name: values.to_numpy() for name, values in tree["posterior"].data_vars.items() if name != "level"
    }
    scale = (
        posterior(spec, longer, draws=1)["constant_data"]["media_scale"]
        / tree["constant_data"]["media_scale"]
    )
    drawn["half_saturation"] = drawn["half_saturation"] / scale.to_numpy()
    return posterior(spec, longer, draws=10, **drawn)


def test_the_experiment_is_replayed_and_the_refit_decides_in_the_units_of_the_first_fit(case):
    table, spec, tree, found = case
    place = int(np.flatnonzero(found.table["change"] == 1.0)[0])
    trial = found.trials[place]
    refit = same_draws(spec, evsi.with_experiment(table, trial), tree)
    replayed = replayed_tests(refit, evsi.told(trial, 5.0).tests).to_numpy()[:, 0]
    np.testing.assert_allclose(replayed, trial.result, rtol=1e-6)
    _, today = decision(tree)
    assert evsi.gain(refit, tree, today) < 1e-3 * today.payoff(today.today[None]).mean()


def test_candidates_are_spread_over_the_ranking(case):
    *_, found = case
    worth = found.table["evsi"].to_numpy()[evsi.spread(found, 4)]
    assert (np.diff(worth) <= 0).all()
    assert worth[0] == found.table["evsi"].max()
    assert worth[-1] == found.table["evsi"].min()
