"""The step that keeps the shocks and draws how large they are, against the density written out and summed on a grid."""

import numpy as np
import pytest
from scipy.stats import invwishart

from mmm_core.long_term.conjugate import Moments
from mmm_core.long_term.interweaving import InverseWishart, believed, given_shocks
from mmm_core.long_term.loops import chains_last
from mmm_core.long_term.states import Start, Waves, Weekly, measured_states, of_waves

WEEKS, ORDER, CHAINS = 12, 2, 2000
LAGS = np.array([[[0.6, 0.1], [0.3, 0.5]], [[0.1, 0.0], [0.0, 0.2]]])
BELOW = ((0, 0), (1, 0), (1, 1))
BELIEF = InverseWishart(np.array([[3.0, 0.8], [0.8, 2.0]]), 7.0)


def states(root, shocks, start, expected):
    """The recursion, written out: levels (week, 2)."""
    levels = np.concatenate([start, np.zeros((WEEKS - ORDER, 2))])
    for week in range(ORDER, WEEKS):
        levels[week] = expected[week - ORDER] + root @ shocks[week - ORDER]
        for lag in range(ORDER):
            levels[week] += LAGS[lag] @ levels[week - 1 - lag]
    return levels


def world(seed=0):
    """What a chain stands on: shocks, first weeks, the part of media, waves of the first, figures of the second."""
    rng = np.random.default_rng(seed)
    shocks, start = rng.normal(size=(WEEKS - ORDER, 2)), rng.normal(size=(ORDER, 2))
    days = np.zeros((3, WEEKS))
    days[0, 1], days[1, 3:6], days[2, 7:11] = 1, 1 / 3, 1 / 4
    asked, error = np.array([0.2, -0.5, 0.8]), np.array([0.3, 0.2, 0.4])
    figures, spread = rng.normal(size=WEEKS), rng.gamma(4, 0.25, WEEKS)
    spread[4] = np.inf
    return shocks, start, rng.normal(size=(WEEKS - ORDER, 2)), days, asked, error, figures, spread


def seen_of(days, asked, error, figures, spread, chains):
    waves = of_waves([days, np.zeros((0, WEEKS))], [asked, np.zeros(0)], [error, np.zeros(0)])
    precision = np.zeros((chains, WEEKS, 2))
    precision[:, :, 1] = 1 / spread
    return waves, Weekly(precision, precision * figures[:, None])


def drawn(root, shocks, start, expected, waves: Waves, weekly, steps, seed=1):
    """Draws of L and the states of many chains, all from one place, after some steps."""
    chains = len(weekly.precision)
    levels = np.repeat(states(root, shocks, start, expected)[..., None], chains, axis=-1)
    sigma = np.repeat((root @ root.T)[None], chains, axis=0)
    lags = np.repeat(LAGS[..., None], chains, axis=-1)
    belief = InverseWishart(np.repeat(BELIEF.scale[None], chains, axis=0), BELIEF.degrees)
    rng = np.random.default_rng(seed)
    start_of = Start(
        np.zeros(2), np.ones(2), 1.0
    )  # the first weeks stay: what is believed of them plays no part
    told = measured_states(waves, start_of, weekly, chains, ORDER, ORDER)
    for _ in range(steps):
        residuals = chains_last((np.linalg.cholesky(sigma) @ shocks.T).swapaxes(1, 2))
        sigma, levels = given_shocks(sigma, belief, residuals, lags, levels, told, rng)
    return np.linalg.cholesky(sigma), np.moveaxis(levels, -1, 0)


def test_the_states_are_those_that_the_same_shocks_give():
    shocks, start, expected, *measured = world()
    roots, levels = drawn(
        np.array([[0.8, 0], [0.3, 0.5]]), shocks, start, expected, *seen_of(*measured, 5), 2
    )
    for root, path in zip(roots, levels, strict=True):
        assert np.allclose(path, states(root, shocks, start, expected), atol=1e-12)
    assert np.ptp(roots[:, 0, 0]) > 0.05


def test_draws_are_those_of_the_density_on_a_grid():
    shocks, start, expected, days, asked, error, figures, spread = world()
    points = [np.linspace(0.02, 2.2, 45), np.linspace(-1.8, 1.8, 49), np.linspace(0.02, 2.2, 45)]
    grid = np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, 3)
    roots = np.zeros((len(grid), 2, 2))
    roots[:, 0, 0], roots[:, 1, 0], roots[:, 1, 1] = grid.T
    # states are linear in L: those of no shocks, and what one of each entry adds
    nothing = states(np.zeros((2, 2)), shocks, start, expected)
    of_one = [states(np.outer(np.eye(2)[i], np.eye(2)[j]), shocks, start, expected) for i, j in BELOW]
    paths = nothing + np.tensordot(grid, np.array(of_one) - nothing, axes=1)
    log = invwishart.logpdf((roots @ roots.swapaxes(1, 2)).transpose(1, 2, 0), 7, BELIEF.scale)
    log = log + 2 * np.log(grid[:, 0]) + np.log(grid[:, 2])  # of Sigma, and of L
    belief = np.exp(log - log.max())
    belief /= belief.sum()
    log -= 0.5 * ((asked - paths[:, :, 0] @ days.T) ** 2 / error).sum(1)
    log -= 0.5 * ((figures - paths[:, :, 1]) ** 2 / spread).sum(1)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = weight @ grid
    sd = np.sqrt(weight @ (grid - mean) ** 2)

    waves, weekly = seen_of(days, asked, error, figures, spread, CHAINS)
    begin = np.array([[0.8, 0], [0.3, 0.5]])
    found, _ = drawn(begin, shocks, start, expected, waves, weekly, 40)
    entries = found[:, [0, 1, 1], [0, 0, 1]]
    assert (abs(entries.mean(0) - mean) < 4.5 * sd / np.sqrt(CHAINS)).all()
    assert np.allclose(entries.std(0) / sd, 1, atol=0.08)
    # not what is believed without measurements: the test can fail
    assert abs(belief @ grid - mean).max() > 1.0 * sd.max()


@pytest.mark.parametrize("explosive", [1e4, 1e40])  # rounding leaves no root of the precision; it overflows
def test_a_chain_whose_states_explode_does_without_the_step_and_the_others_take_it(explosive):
    shocks, start, expected, *measured = world()
    waves, weekly = seen_of(*measured, 3)
    root = np.array([[0.8, 0], [0.3, 0.5]])
    levels = np.repeat(states(root, shocks, start, expected)[..., None], 3, axis=-1)
    sigma = np.repeat((root @ root.T)[None], 3, axis=0)
    lags = np.repeat(LAGS[..., None], 3, axis=-1)
    lags[..., 1] *= explosive
    belief = InverseWishart(np.repeat(BELIEF.scale[None], 3, axis=0), BELIEF.degrees)
    told = measured_states(waves, Start(np.zeros(2), np.ones(2), 1.0), weekly, 3, ORDER, ORDER)
    residuals = chains_last(np.repeat((root @ shocks.T).T[None], 3, axis=0))
    with np.errstate(all="ignore"):
        found, moved = given_shocks(sigma, belief, residuals, lags, levels, told, np.random.default_rng(1))
    stays = [np.array_equal(found[chain], sigma[chain]) for chain in range(3)]
    assert stays == [False, True, False]
    assert np.array_equal(moved[..., 1], levels[..., 1])
    assert np.isfinite(found).all()
    assert np.isfinite(moved).all()


@pytest.mark.parametrize("known", [True, False])
def test_the_belief_is_what_coefficients_and_dummies_leave(known):
    """Rows of coefficients and of dummies are rows of a regression with the covariance Sigma."""
    rng = np.random.default_rng(3)
    deviation, precision = rng.normal(size=(1, 4, 2)), rng.gamma(2, 1, 4)
    outcome, regressors = rng.normal(size=(3, 2)), rng.normal(size=(3, 4))
    dummies = Moments(3, regressors.T @ regressors, regressors.T @ outcome, outcome.T @ outcome)
    found = believed(deviation, precision if known else None, dummies, 4.0)
    rows = outcome - regressors @ deviation[0]
    scale = np.eye(2) + rows.T @ rows
    if known:
        scale = scale + (deviation[0].T * precision) @ deviation[0]
    assert np.allclose(found.scale[0], scale)
    assert found.degrees == 4 + 3 + 4 * known
