"""The value of sample information against closed forms and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mmm_core.experiments.value import evpi, evsi


def normal(count, seed, columns=1):
    """Draws of independent standard normals, evenly spread so that little of it is chance."""
    points = stats.qmc.Sobol(columns, seed=seed).random(count)
    return stats.norm.ppf(points).T


def everything(payoff):
    """Worth of perfect information to a choice between these plans."""
    return evpi(payoff.max(axis=1), payoff[:, payoff.mean(axis=0).argmax()])


def unit_normal_loss(mean, sd):
    """E max(0, y) of a normal y."""
    return sd * stats.norm.pdf(mean / sd) + mean * stats.norm.cdf(mean / sd)


@pytest.mark.parametrize("lead", [-1.5, -0.4, 0.0])
@pytest.mark.parametrize("error", [0.25, 1.0, 3.0])
def test_two_channels_and_a_linear_decision_have_the_closed_form(lead, error):
    """Money in channel A or B: a return of a and b a unit, both uncertain; a test of A measures a with an error.

    B is better by lead a priori. With the result, A's mean moves by a normal of variance s^4 / (s^2 + error^2), so that
    EVSI = E max(0, y) - max(0, lead), y ~ N(lead, s^4 / (s^2 + error^2)): unit-normal linear loss.
    """
    spread = 2.0
    a, b = normal(2**14, 1, columns=2)
    a, b = 1 + lead + spread * a, 1 + 0.7 * b
    moves = spread**2 / np.hypot(spread, error)
    found = evsi(a, error, 10 * np.stack([a, b], axis=1))
    closed = 10 * (unit_normal_loss(lead, moves) - max(0.0, lead))
    assert found.evsi == pytest.approx(closed, rel=0.02)
    assert abs(found.evsi - closed) < 2 * found.standard_error
    assert found.standard_error < 0.1 * closed


def test_a_perfect_test_of_all_that_is_uncertain_is_worth_perfect_information():
    (a,) = normal(2**12, 2)
    payoff = np.stack([a, np.full_like(a, 0.3), -(a**2) + 0.5], axis=1)
    assert evsi(a, 0.0, payoff).evsi == pytest.approx(everything(payoff).evsi, rel=0.01)


def test_a_perfect_test_of_one_of_two_uncertain_things_is_worth_its_own_share_alone():
    a, b = normal(2**13, 3, columns=2)
    payoff = np.stack([a, b], axis=1)
    assert evsi(a, 0.0, payoff).evsi == pytest.approx(unit_normal_loss(0, 1), rel=0.02)
    assert everything(payoff).evsi == pytest.approx(unit_normal_loss(0, np.sqrt(2)), rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_a_test_of_infinite_error_is_worth_nothing(seed):
    rng = np.random.default_rng(seed)
    lift, payoff = rng.normal(size=400), rng.normal(size=(400, 30))
    payoff[:, 0] += 0.1
    found = evsi(lift, np.inf, payoff)
    assert found.evsi <= found.standard_error
    assert evsi(lift, 1e9, payoff).evsi <= found.standard_error


def test_a_test_of_what_nothing_depends_on_is_worth_nothing_though_there_are_many_plans_to_choose_by_chance():
    """The plain maximum of fitted expectations would find gains in noise."""
    worth = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        payoff = rng.normal(size=(1000, 40))
        found = evsi(rng.normal(size=1000), 0.1, payoff - payoff.mean(axis=0))
        worth.append((found.evsi, found.standard_error))
    value, error = np.array(worth).T
    assert (value > 2.5 * error).sum() <= 1
    assert value.mean() < error.mean()


@settings(max_examples=25)
@given(
    st.integers(0, 2**31),
    st.floats(0.05, 5.0),
    st.floats(1.2, 10.0),
    st.floats(-2.0, 2.0),
)
def test_more_precise_is_never_worth_less_and_never_more_than_knowing_everything(seed, error, factor, lead):
    rng = np.random.default_rng(seed)
    lift = rng.lognormal(0, 0.7, size=1500)
    other = rng.normal(size=1500)
    plans = np.linspace(0.5, 1.5, 15)
    payoff = lift[:, None] * np.sqrt(plans) - plans * (0.6 + 0.2 * lead) + 0.3 * other[:, None] * plans
    precise, vague = evsi(lift, error, payoff), evsi(lift, factor * error, payoff)
    noise = np.hypot(precise.standard_error, vague.standard_error)
    assert precise.evsi >= vague.evsi - noise
    assert precise.evsi <= everything(payoff).evsi + 1e-12


def test_regression_agrees_with_nested_simulation():
    """Brute force: simulate a result, weigh every draw by its likelihood, decide, average."""
    rng = np.random.default_rng(4)
    lift = rng.lognormal(0, 0.6, size=4000)
    plans = np.linspace(0.5, 1.5, 9)
    payoff = lift[:, None] * plans**0.5 - 0.55 * plans + 0.2 * rng.normal(size=(4000, 1)) * plans
    error = 0.5
    results = lift[::8] + error * stats.norm.ppf((np.arange(500) + 0.5) / 500)[rng.permutation(500)]
    weight = stats.norm.pdf(results[:, None], lift, error)
    expected = weight @ payoff / weight.sum(axis=1, keepdims=True)
    nested = expected.max(axis=1).mean() - expected[:, payoff.mean(axis=0).argmax()].mean()
    found = evsi(lift, error, payoff)
    assert found.evsi == pytest.approx(nested, rel=0.1)


def test_what_all_plans_have_in_common_does_not_matter():
    rng = np.random.default_rng(5)
    lift = rng.normal(size=500)
    payoff = lift[:, None] * np.array([0.5, 1.0, 1.5])
    common = 1000 * rng.normal(size=(500, 1))
    assert evsi(lift, 0.5, payoff).evsi == pytest.approx(evsi(lift, 0.5, payoff + common).evsi, rel=1e-9)


def test_draws_that_hang_together_have_the_larger_error():
    rng = np.random.default_rng(6)
    steps = rng.normal(size=4000)
    lift = np.empty(4000)
    lift[0] = steps[0]
    for draw in range(1, 4000):
        lift[draw] = 0.95 * lift[draw - 1] + np.sqrt(1 - 0.95**2) * steps[draw]
    payoff = lift[:, None] * np.array([0.0, 1.0])
    shuffled = rng.permutation(4000)
    together = evsi(lift, 0.5, payoff, chains=4).standard_error
    assert together > 3 * evsi(lift[shuffled], 0.5, payoff[shuffled], chains=4).standard_error


def test_a_result_that_is_the_same_in_every_world_is_worth_nothing():
    payoff = np.random.default_rng(7).normal(size=(300, 4))
    assert evsi(np.ones(300), 0.5, payoff - payoff.mean(axis=0)).evsi < 0.2
    assert evsi(np.ones(300), 0.0, np.ones((300, 2))).evsi == 0
