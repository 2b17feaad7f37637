"""What plans are judged by, against definitions written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmm_core.budget.objective import Objective, worst_share

derandomized = settings(derandomize=True, max_examples=60, database=None)
draws_of = hnp.arrays(float, st.integers(2, 40), elements=st.floats(-1e3, 1e3, width=32))
OBJECTIVES = [
    Objective(),
    Objective("cvar", level=0.75),
    Objective("mean_risk", weight=0.7),
    Objective("mean_risk", weight=0.4, risk="shortfall", level=0.9),
]


def cvar(draws, level):
    """By the formula of Rockafellar and Uryasev, over every draw as the threshold."""
    return max(t - np.maximum(t - draws, 0).sum() / ((1 - level) * len(draws)) for t in draws)


@derandomized
@given(draws_of, st.floats(0, 0.95))
def test_cvar_is_the_mean_of_the_worst_share(draws, level):
    value = Objective("cvar", level=level).value(draws)
    assert value == pytest.approx(cvar(draws, level), rel=1e-9, abs=1e-6)
    assert worst_share(draws, level).sum() == pytest.approx(1.0)


@derandomized
@given(draws_of)
def test_cvar_at_level_0_is_the_mean(draws):
    assert Objective("cvar", level=0.0).value(draws) == pytest.approx(draws.mean(), rel=1e-12, abs=1e-12)
    assert Objective("cvar", level=0.0).is_mean


def test_mean_less_risk():
    draws = np.array([1.0, 2.0, 3.0, 10.0])
    assert Objective("mean_risk", weight=0.5).value(draws) == pytest.approx(4.0 - 0.5 * draws.std())
    shortfall = Objective("mean_risk", weight=0.5, risk="shortfall", level=0.5)
    assert shortfall.value(draws) == pytest.approx(4.0 - 0.5 * (4.0 - 1.5))


def test_the_probability_of_beating_a_reference_counts_draws_above_it():
    draws = np.array([1.0, 2.0, 3.0, 10.0])
    assert Objective("probability", reference=2.5).value(draws) == 0.5
    assert Objective("probability", reference=draws).value(draws) == 0.0


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o.kind}-{o.risk}")
def test_every_cut_lies_above_the_value_and_touches_it_where_it_was_made(objective):
    rng = np.random.default_rng(2)
    plans = rng.gamma(2, 10, (30, 25))
    for draws in plans:
        cut = objective.cut(draws)
        assert cut.at(draws) == pytest.approx(objective.value(draws))
        for other in plans:
            assert cut.at(other) >= objective.value(other) - 1e-9
        with jax.enable_x64(True):
            assert float(objective.traced(draws)) == pytest.approx(objective.value(draws))


def test_a_cut_of_a_probability_lies_above_it_for_every_plan_above_the_worst():
    rng = np.random.default_rng(3)
    worst = rng.normal(0, 1, 20)
    objective = Objective("probability", reference=worst + rng.gamma(2, 1, 20))
    plans = worst + rng.gamma(1, 2, (40, 20))
    for draws in plans:
        cut = objective.cut(draws, worst)
        assert min(cut.at(other) - objective.value(other) for other in plans) >= -1e-12


@pytest.mark.parametrize("level", [0.1, 0.8, 0.9995])
def test_a_traced_cvar_and_its_gradient_are_those_of_the_worst_draws(level):
    objective = Objective("cvar", level=level)
    draws = np.random.default_rng(4).normal(-3, 1e6, 400)
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(objective.traced)(jnp.asarray(draws))
        tied, shares = jax.value_and_grad(objective.traced)(jnp.asarray([1.0, 2.0, 2.0, 2.0, 9.0]))
        none, _ = jax.value_and_grad(objective.traced)(jnp.zeros(5))
    assert float(value) == pytest.approx(objective.value(draws), rel=1e-12)
    np.testing.assert_allclose(slopes, worst_share(draws, level), atol=1e-12)
    assert float(tied) == pytest.approx(objective.value(np.array([1.0, 2.0, 2.0, 2.0, 9.0])))
    assert float(shares.sum()) == pytest.approx(1.0)
    assert float(none) == 0.0
