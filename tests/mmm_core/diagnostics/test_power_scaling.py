"""Power-scaling of a component: against a conjugate model, and against ArviZ's `psens`."""

import warnings

import arviz
import numpy as np
import pytest

from mmm_core.diagnostics.power_scaling import DELTA, ScaledComponent, power_scale


def scaled(log_density, quantity):
    return power_scale(ScaledComponent.of(np.ravel(log_density)), np.ravel(quantity))


def test_weights_give_the_power_scaled_posterior_of_a_conjugate_model():
    # x ~ N(m, 1), prior N(0, s): the scaled prior is N(0, s / sqrt(power)), so the scaled posterior is known
    rng = np.random.default_rng(1)
    data, s = rng.normal(2.0, 1.0, size=4), 1.0

    def exact(prior_power, likelihood_power):
        precision = prior_power / s**2 + likelihood_power * len(data)
        return likelihood_power * data.sum() / precision, precision**-0.5

    mean, sd = exact(1, 1)
    draws = rng.normal(mean, sd, size=(4, 10_000))
    prior = scaled(-0.5 * draws**2 / s**2, draws)
    likelihood = scaled(-0.5 * ((data[:, None, None] - draws) ** 2).sum(0), draws)
    for power, name in ((1 / (1 + DELTA), "weaker"), (1 + DELTA, "stronger")):
        assert prior[name] == pytest.approx(exact(power, 1)[0] / mean - 1, abs=0.003)
        assert likelihood[name] == pytest.approx(exact(1, power)[0] / mean - 1, abs=0.003)
    # the prior pulls to 0 and the data away from it: both matter, in opposite directions
    assert prior["sensitive"]
    assert likelihood["sensitive"]
    assert prior["stronger"] < 0 < likelihood["stronger"]
    assert prior["khat"] < 0.7


def test_a_component_that_has_nothing_to_do_with_a_quantity_moves_it_by_chance_only():
    rng = np.random.default_rng(2)
    draws = rng.normal(5, 1, size=(2, 500))
    # weights so uneven that even this distance is above 0.05: it is the floor that tells
    unrelated = scaled(10 * rng.normal(size=(2, 500)), draws)
    assert 0.05 < unrelated["distance"] < 1.5 * unrelated["floor"]
    assert not scaled(0.1 * rng.normal(size=(2, 500)), draws)["sensitive"]
    still = scaled(np.zeros((2, 500)), draws)
    assert (still["distance"], still["weaker"], still["khat"], still["sensitive"]) == (0, 0, 0, False)


@pytest.mark.parametrize("strength", [0.3, 2.0, 30.0])
def test_distances_are_those_of_arviz(strength):
    rng = np.random.default_rng(5)
    quantity = rng.gamma(2.0, size=(4, 250)) - 1
    quantity[:, :20] = 0.5  # a chain that stands still repeats its values
    density = strength * (0.5 * quantity + rng.normal(size=quantity.shape))
    data = arviz.from_dict(posterior={"x": quantity, "minus": -quantity})
    data.add_groups({"log_prior": {"component": density}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = arviz.psens(data, component="prior")
    assert scaled(density, quantity)["distance"] == pytest.approx(float(expected["x"]), rel=1e-6)
    assert scaled(density, -quantity)["distance"] == pytest.approx(float(expected["minus"]), rel=1e-6)
