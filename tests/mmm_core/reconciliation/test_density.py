"""Fusion against closed forms: Normal and lognormal toys, limits of the error, order, and a test far out."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import gamma, norm

from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.reconciliation.bias import Bias, Claimed
from mmm_core.reconciliation.density import Kernels, LiftLikelihood, fused, of_tests

QUANTILES = norm.ppf((np.arange(1000) + 0.5) / 1000)
MEAN, SD = 1.0, 0.8  # some draws are negative: no logarithm
NORMAL = MEAN + SD * QUANTILES / QUANTILES.std()
POSITIVE = np.exp(0.3 + 0.5 * QUANTILES / QUANTILES.std())


def lift(measured, error, per_return=2.0, others=0.0, nu=None, draws=1000):
    return LiftLikelihood(
        measured, error, np.full(draws, others), np.full(draws, per_return), ResultNoise(nu)
    )


def closed_form(*measured):
    """Mean and sd of a Normal prior with Normal measurements (value, sd)."""
    values, sds = np.array([(MEAN, SD), *measured]).T
    weights = sds**-2
    return values @ weights / weights.sum(), weights.sum() ** -0.5


@pytest.mark.parametrize("draws", [NORMAL, POSITIVE, gamma.ppf((np.arange(400) + 0.5) / 400, 2)])
def test_the_mixture_keeps_mean_and_variance_of_what_it_smooths(draws):
    prior = Kernels.of(draws)
    z = np.log(draws) if (draws > 0).all() else draws
    assert prior.log == bool((draws > 0).all())
    assert prior.centres.mean() == pytest.approx(z.mean())
    assert prior.centres.var() + prior.width**2 == pytest.approx(z.var())
    alone = fused(prior)
    assert alone.mass.sum() == pytest.approx(1)
    if not prior.log:
        assert (alone.mean, alone.sd) == pytest.approx((draws.mean(), draws.std()), rel=1e-6)
    ends = np.quantile(draws, [0.05, 0.95])
    np.testing.assert_allclose(alone.interval, ends, rtol=0.03, atol=0.03 * draws.std())


@pytest.mark.parametrize("tests", [[(4.0, 1.0)], [(4.0, 1.0), (1.0, 3.0)], [(-3.0, 0.2)]])
def test_a_normal_toy_is_the_closed_form(tests):
    """What is measured is twice the return, and 0.5 that another channel brought."""
    answer = fused(Kernels.of(NORMAL), [lift(y + 0.5, error, others=0.5) for y, error in tests])
    mean, sd = closed_form(*((y / 2, error / 2) for y, error in tests))
    assert (answer.mean, answer.sd) == pytest.approx((mean, sd), rel=0.01, abs=0.005)
    np.testing.assert_allclose(answer.interval, norm.ppf([0.05, 0.95], mean, sd), atol=0.02 * sd + 0.005)


@pytest.mark.parametrize("draws", [NORMAL, POSITIVE])
@pytest.mark.parametrize("nu", [None, 4.0])
def test_an_infinite_error_leaves_the_posterior_and_none_meets_the_test(draws, nu):
    prior = Kernels.of(draws)
    ignored, alone = fused(prior, [lift(9.0, 1e9, nu=nu)]), fused(prior)
    assert (ignored.mean, ignored.sd) == pytest.approx((alone.mean, alone.sd), rel=1e-6)
    for error in (1e-3, 0.0):
        met = fused(prior, [lift(3.0, error)])
        assert met.mean == pytest.approx(1.5, abs=2 * error + 1e-9)
        assert met.sd <= error + 1e-6


def test_a_test_whose_terms_are_uncertain_is_met_in_its_own_terms():
    """Lift by return differs between the draws: an exact test still leaves the return uncertain."""
    per_return = np.exp(0.2 * np.random.default_rng(2).standard_normal(1000))
    test = LiftLikelihood(1.5, 1e-6, np.zeros(1000), per_return)
    answer = fused(Kernels.of(np.random.default_rng(3).permutation(POSITIVE)), [test])
    assert answer.sd == pytest.approx((1.5 / per_return).std(), rel=0.15)
    assert answer.mean == pytest.approx(1.5, rel=0.1)


def test_two_tests_that_together_say_what_one_says_are_that_one():
    prior = Kernels.of(POSITIVE)
    whole = fused(prior, [lift(3.0, 1.0)])
    halves = fused(prior, [lift(3.0, 2**0.5), lift(3.0, 2**0.5)])
    assert (halves.mean, halves.sd) == pytest.approx((whole.mean, whole.sd), rel=1e-6)


def test_the_order_of_sources_does_not_matter():
    prior = Kernels.of(POSITIVE)
    claim = Bias(np.array([0.0]), np.array([1.0]), 0.5).likelihood(Claimed(2.0, 0.1))
    tests = [lift(3.0, 1.0), lift(1.0, 0.6, nu=4.0), lift(2.0, 2.0)]
    one, other = fused(prior, [*tests, claim]), fused(prior, [claim, *tests[::-1]])
    # rounding of the sum may move an end of the grid by a point
    np.testing.assert_allclose([one.mean, one.sd], [other.mean, other.sd], rtol=1e-7)


def test_a_far_test_pulls_a_normal_error_and_not_a_heavy_tail():
    prior = Kernels.of(POSITIVE)
    alone = fused(prior)
    heavy = fused(prior, [lift(20 * alone.mean, alone.sd, nu=4.0)])
    pulled = fused(prior, [lift(20 * alone.mean, alone.sd)])
    assert abs(heavy.mean - alone.mean) < alone.sd
    assert pulled.mean - alone.mean > 3 * alone.sd


@pytest.mark.parametrize(("sd", "spread", "error"), [(0.8, 0.5, 0.05), (0.0, 0.3, 0.0), (0.0, 0.0, 0.02)])
def test_a_claim_on_lognormal_draws_is_the_closed_form(sd, spread, error):
    common = 0.4 + sd * np.linspace(-6, 6, 481) if sd else np.array([0.4])
    mass = np.exp(-0.5 * ((common - 0.4) / sd) ** 2) if sd else np.ones(1)
    bias, claimed = Bias(common, mass / mass.sum(), spread), Claimed(3.0, error)
    answer = fused(Kernels.of(POSITIVE), [bias.likelihood(claimed)])
    variance = sd**2 + spread**2 + error**2
    weights = np.array([1 / 0.5**2, 1 / variance])
    centre = np.array([0.3, np.log(3.0) - 0.4]) @ weights / weights.sum()
    ends = np.exp(norm.ppf([0.05, 0.95], centre, weights.sum() ** -0.5))
    np.testing.assert_allclose(answer.interval, ends, rtol=0.01)
    assert bias.mean == pytest.approx(0.4)
    assert bias.sd == pytest.approx(np.hypot(sd, spread), rel=1e-3)


def test_without_bias_a_claim_is_a_source_like_any_other():
    """Its sd to 0 and no counting error: the claim is met."""
    claim = Bias(np.zeros(1), np.ones(1), 0.0).likelihood(Claimed(2.5, 0.0))
    met = fused(Kernels.of(POSITIVE), [claim])
    assert met.mean == pytest.approx(2.5, rel=1e-6)
    assert met.sd < 1e-6


def by_brute_force(prior, likelihoods):
    """Mean and sd on a grid, cut to where the density is within e^45 of its top and made finer; nothing is widened."""
    far = 10 * np.ptp(prior.centres) + 160 * prior.width
    z = np.linspace(prior.centres.min() - far, prior.centres.max() + far, 40_001)
    for _ in range(30):
        values = prior.value(z)
        log = -0.5 * ((z - prior.centres[:, None]) / prior.width) ** 2
        for said in likelihoods:
            if isinstance(said, LiftLikelihood):
                missed = said.measured - said.others[:, None] - said.per_return[:, None] * values
                log = log + said.noise.log_density(missed / said.error)
            else:
                inside = np.where(values > 0, values, 1.0)
                log = log + np.where(
                    values > 0, -0.5 * ((np.log(inside) - said.peaks) / said.error) ** 2, -np.inf
                )
        total = logsumexp(log, axis=0)
        kept = np.flatnonzero(total > total.max() - 45)
        if len(kept) > 5_000:
            break
        z = np.linspace(z[max(kept[0] - 1, 0)], z[min(kept[-1] + 1, len(z) - 1)], 20_001)
    mass = np.exp(total - total.max()) * np.gradient(z)
    mass /= mass.sum()
    mean = values @ mass
    return mean, np.sqrt(mass @ (values - mean) ** 2)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.1])
@pytest.mark.parametrize(
    ("tests", "claim"),
    [
        ([(-4.0, 0.25)], None),
        ([(-0.8, 0.005)], None),  # so exact that next to nothing is left above 0
        ([(-3.4, 0.6)], (5.5, 0.03)),
        ([(6.0, 0.1), (2.0, 0.5)], None),
        ([], (6.5, 0.05)),
        ([(-0.8, 0.4)], (0.3, 0.03)),
        ([(4.0, 2.0)], (0.05, 0.02)),
    ],
)
def test_sources_that_conflict_are_answered_as_by_brute_force(positive, spread, tests, claim):
    """Each alone is narrow beside how far they are apart, so that the answer lies where none of them has a say."""
    rng = np.random.default_rng(5)
    draws = rng.normal(1.2, 0.1, 60) if positive else rng.normal(1, 0.7, 60)
    assert (draws > 0).all() == positive
    per_return = 2 * np.exp(spread * rng.standard_normal(60))
    said = [LiftLikelihood(y, error, np.zeros(60), per_return) for y, error in tests]
    if claim is not None:
        said.append(Bias(np.zeros(1), np.ones(1), 0.0).likelihood(Claimed(*claim)))
    answer = fused(Kernels.of(draws), said)
    mean, sd = by_brute_force(Kernels.of(draws), said)
    assert answer.mean == pytest.approx(mean, abs=0.03 * sd)
    assert answer.sd == pytest.approx(sd, rel=0.03)


def test_tests_by_themselves_are_pooled_by_their_precision():
    said = of_tests([lift(4.0, 1.0), lift(1.0, 2.0)])
    mean, sd = (2.0 * 4 + 0.5 * 1) / 5, 5**-0.5
    assert (said.mean, said.sd) == pytest.approx((mean, sd), rel=1e-3)
    assert of_tests([]) is None


@settings(max_examples=25)
@given(
    st.floats(-5, 5), st.floats(1e-3, 100), st.sampled_from([None, 4.0]), st.integers(0, 2**32 - 1)
)  # fmt: skip
@example(-4.0, 0.25, None, 124122)  # all draws positive, and a result far below 0
def test_an_answer_is_always_a_density_between_its_sources(measured, error, nu, seed):
    draws = np.random.default_rng(seed).normal(1, 0.5, 200)
    answer = fused(Kernels.of(draws), [lift(measured, error, draws=200, nu=nu)])
    low, high = answer.interval
    assert np.isfinite([answer.mean, answer.sd]).all()
    assert low <= answer.mean <= high or answer.sd == 0 or nu is not None
    assert (np.diff(answer.values) >= 0).all()
    assert min(draws.mean(), measured / 2) - 0.2 <= answer.mean <= max(draws.mean(), measured / 2) + 0.2
