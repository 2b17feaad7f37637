"""The bias of claims: learned from other channels as the Normal closed form says, from none where that is asked."""

import numpy as np
import pytest
from scipy.stats import norm

from mmm_core.reconciliation.bias import Bias, Claimed, learned
from mmm_core.reconciliation.density import Density
from mmm_core.spec.reconciliation_spec import AttributionBias

PRIOR = AttributionBias(mean=0.2, sd=0.7, spread=0.4)
KNOWN = {"search": (0.5, 0.1), "meta": (0.1, 0.3), "tv": (0.9, 0.2)}  # log return: mean, sd
CLAIMS = {
    "search": Claimed(np.exp(1.4), 0.02),
    "meta": Claimed(np.exp(0.9), 0.05),
    "tv": Claimed(np.exp(1.0), 0.0),
}


def lognormal(mean, sd):
    z = np.linspace(mean - 8 * sd, mean + 8 * sd, 2001)
    mass = np.exp(-0.5 * ((z - mean) / sd) ** 2)
    return Density(np.exp(z), mass / mass.sum())


@pytest.fixture(scope="module")
def known():
    return {channel: lognormal(*z) for channel, z in KNOWN.items()}


@pytest.mark.parametrize("channel", list(KNOWN))
@pytest.mark.parametrize("learn_from", [("search", "meta", "tv"), ("search",), ()])
def test_a_bias_is_learned_from_the_other_channels_alone(known, channel, learn_from):
    bias = learned(PRIOR, CLAIMS, known, learn_from)[channel]
    others = [name for name in sorted(learn_from) if name != channel]
    assert bias.learned_from == tuple(others)
    values = [PRIOR.mean, *(np.log(CLAIMS[name].roi) - KNOWN[name][0] for name in others)]
    variances = [
        PRIOR.sd**2,
        *(PRIOR.spread**2 + CLAIMS[name].error ** 2 + KNOWN[name][1] ** 2 for name in others),
    ]
    weights = 1 / np.array(variances)
    assert bias.mean == pytest.approx(np.array(values) @ weights / weights.sum(), abs=1e-3)
    assert bias.sd == pytest.approx(np.sqrt(1 / weights.sum() + PRIOR.spread**2), rel=5e-3)


def test_a_bias_that_is_known_stays_what_it_is(known):
    exact = AttributionBias(mean=0.3, sd=0.0, spread=0.0)
    for bias in learned(exact, CLAIMS, known, list(CLAIMS)).values():
        assert (bias.mean, bias.sd) == (0.3, 0.0)


def test_a_corrected_claim_is_lognormal_around_the_claim_by_its_bias():
    bias, claimed = Bias(np.array([0.5]), np.ones(1), 0.3), Claimed(2.0, 0.4)
    draws = np.exp(np.random.default_rng(1).normal(np.log(2) - 0.5, 0.5, 400_000))
    assert bias.corrected(claimed) == pytest.approx(np.median(draws), rel=0.01)
    assert bias.error(claimed, 3.0) == pytest.approx(3.0 * draws.std() / draws.mean(), rel=0.01)
    ends = bias.interval(claimed, 1.6449)
    np.testing.assert_allclose(ends, np.quantile(draws, [0.05, 0.95]), rtol=0.01)


def test_the_chance_of_a_smaller_claim_is_that_of_the_noise():
    common, mass = np.array([0.0, 0.6]), np.array([0.25, 0.75])
    below = Bias(common, mass, 0.4).below(Claimed(2.0, 0.3), np.array([1.0, 3.0, -1.0]))
    expected = [mass @ norm.cdf(np.log(2.0) - np.log(value) - common, scale=0.5) for value in (1.0, 3.0)]
    np.testing.assert_allclose(below, [*expected, 1.0])
