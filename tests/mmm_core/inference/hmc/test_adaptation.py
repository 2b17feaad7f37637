"""The warm-up: what it learns from, against closed forms; when it ends; and what it costs."""

from dataclasses import dataclass

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy.stats import ortho_group

from mmm_core.inference.hmc.adaptation import LAST, Adaptation, Stage, cold_stages, settled
from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.rhat import RunningRhat, split_rhat
from mmm_core.inference.hmc.sampler import sample
from mmm_core.inference.hmc.state import BLOCK, Schedule, Start, Trace
from mmm_core.inference.runtime import Devices
from mmm_core.posterior.mixing import statistics

jax.config.update("jax_enable_x64", True)

SIZE, DENSE = 6, 4
VARIANCES = np.array([1e-4, 0.3, 4.0, 100.0])  # along axes that are turned
TURN = ortho_group.rvs(DENSE, random_state=1)
COVARIANCE = np.zeros((SIZE, SIZE))
COVARIANCE[:DENSE, :DENSE] = TURN * VARIANCES @ TURN.T
COVARIANCE[DENSE:, DENSE:] = np.diag([1e-4, 25.0])
GUESS = Metric.unit(DENSE, SIZE, 0.25)


def draws_and_gradients(chains=4, draws=25, seed=2):
    """Points (chain, draw, entry) 1 to 30 times as far apart as draws of a normal, and its gradients there."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((chains, draws, SIZE)) + 2 * rng.standard_normal((chains, 1, SIZE))
    points = 1.0 + points * np.geomspace(30, 1, SIZE) @ np.linalg.cholesky(COVARIANCE).T
    return points, (points - 1.0) @ np.linalg.inv(COVARIANCE)


def relative(metric):
    """Eigenvalues of the dense block in the space that the normal's covariance whitens, where it should be 1."""
    root = np.linalg.cholesky(COVARIANCE[:DENSE, :DENSE])
    inside = np.linalg.solve(root, np.linalg.solve(root, metric.covariance).T)
    return np.linalg.eigvalsh((inside + inside.T) / 2)


def test_slopes_tell_the_covariance_of_a_normal_wherever_the_chains_are():
    """Correlations are shrunk in the space that is known so far, so that each window leaves less of it."""
    metric, found = GUESS, []
    for seed in range(6):
        metric = metric.of_slopes(*draws_and_gradients(seed=seed))
        np.testing.assert_allclose(metric.variance, [1e-4, 25.0], rtol=1e-3)
        found.append(relative(metric))
    assert found[2].max() / found[2].min() < 10  # of a million, after three windows as the search has them
    np.testing.assert_allclose(found[5], 1.0, rtol=0.05)
    # the spread of the same draws says nothing of the sort
    spread = relative(Metric.of(draws_and_gradients()[0], DENSE))
    assert spread.max() / spread.min() > 50


def test_the_matrix_is_the_one_under_which_draws_vary_as_gradients_do():
    """M B M = A with A the covariance of the draws and B that of the gradients, at the fixed point of its shrinkage."""
    metric, (points, gradients) = GUESS, draws_and_gradients(draws=1000)
    gradients = gradients + 0.3 * np.tanh(points)  # of no normal
    for _ in range(12):
        metric = metric.of_slopes(points, gradients)
    spread, steepness = (np.cov(part.reshape(-1, SIZE)[:, :DENSE].T) for part in (points, gradients))
    found = metric.covariance @ steepness @ metric.covariance
    np.testing.assert_allclose(found, spread, rtol=0.01, atol=0.01 * np.abs(spread).max())


def test_slopes_of_too_few_draws_leave_a_matrix_that_can_be_factorised():
    for draws in (1, 2, 3):
        metric = GUESS.of_slopes(*draws_and_gradients(chains=1, draws=draws))
        root, scale = metric.roots()
        assert np.isfinite(root).all()
        assert (scale > 0).all()
    one = GUESS.of_slopes(*draws_and_gradients(chains=1, draws=1))
    np.testing.assert_array_equal(one.covariance, GUESS.covariance)


def test_what_has_not_moved_keeps_its_variance_and_gradients_that_are_no_numbers_do_not_count():
    points, gradients = draws_and_gradients()
    still, level = points.copy(), gradients.copy()
    still[..., [1, 5]], level[..., [1, 5]] = 7.0, 0.5
    metric = GUESS.of_slopes(still, level)
    assert metric.covariance[1, 1] == pytest.approx(0.25, rel=1e-4)
    assert metric.variance[1] == pytest.approx(0.25)
    nothing = GUESS.of_slopes(np.ones_like(points), np.ones_like(points))
    np.testing.assert_allclose(nothing.covariance, GUESS.covariance)
    np.testing.assert_allclose(nothing.variance, GUESS.variance)
    faulty = gradients.copy()
    faulty[1, :3] = np.nan
    rest = [np.concatenate([part[0], part[1, 3:], part[2], part[3]])[None] for part in (points, gradients)]
    np.testing.assert_allclose(
        GUESS.of_slopes(points, faulty).covariance, GUESS.of_slopes(*rest).covariance, rtol=1e-9
    )
    endless = GUESS.of_slopes(points, np.full_like(gradients, 1e200) * np.sign(gradients))
    np.testing.assert_array_equal(endless.covariance, GUESS.covariance)


def test_the_metric_is_shrunk_when_there_are_few_draws():
    covariance, mean = np.array([[4.0, 1.8, 0.0], [1.8, 1.0, 0.0], [0.0, 0.0, 1e-4]]), [1.0, -2.0, 0.01]
    draws = np.random.default_rng(0).multivariate_normal(mean, covariance, (4, 5000))
    many, few = Metric.of(draws, 3), Metric.of(draws[:1, :6], 3)
    np.testing.assert_allclose(many.covariance, covariance, rtol=0.05, atol=0.02)
    correlation = few.covariance[0, 1] / np.sqrt(few.covariance[0, 0] * few.covariance[1, 1])
    assert abs(correlation) < 0.6 * abs(np.corrcoef(draws[0, :6, :2].T)[0, 1])
    root, scale = Metric.of(draws, 1).roots()
    np.testing.assert_allclose(root[0, 0] ** 2, 4.0, rtol=0.05)
    np.testing.assert_allclose(scale**2, [1.0, 1e-4], rtol=0.05)


@pytest.mark.parametrize("warmup", [100, 130, 150, 200, 300, 400, 500, 1000, 2000])
def test_windows_grow_and_leave_the_end_to_the_step_size(warmup):
    stages = cold_stages(warmup)
    assert sum(stage.iterations for stage in stages) == warmup
    assert all(1 < stage.iterations <= BLOCK for stage in stages)
    assert [stage.lesson for stage in stages[:3]] == ["slopes"] * 3
    assert stages[-1] == Stage(min(LAST, warmup // 4))
    assert stages[-2].lesson == "covariance"
    learned = [number for number, stage in enumerate(stages) if stage.lesson == "covariance"]
    begins = [3, *(number + 1 for number in learned)]
    windows = [
        sum(stage.iterations for stage in stages[begin : end + 1])
        for begin, end in zip(begins, learned, strict=False)
    ]
    assert (np.diff(windows) > 0).all()
    assert windows[0] >= 100 or len(windows) == 1


def test_a_warm_up_with_a_start_is_a_third_and_learns_once():
    start = Start(np.zeros((4, SIZE)), GUESS, 0.3)
    for warmup, blocks in ((100, 2), (300, 2), (400, 3), (1000, 7)):
        adaptation = Adaptation.begin(warmup, DENSE, SIZE, start)
        assert [stage.iterations for stage in adaptation.stages] == [BLOCK] * blocks
        assert [stage.lesson for stage in adaptation.stages[-2:]] == ["covariance", ""]
        assert adaptation.step_size == 0.3
    other = Start(np.zeros((4, SIZE + 1)), GUESS, 0.3)
    assert Adaptation.begin(400, DENSE, SIZE, other).stages == cold_stages(400)


def normal(chains=4, draws=100, shift=0.0, seed=5):
    """Draws (chain, draw, entry) of a standard normal, the last chain's somewhere else."""
    draws = np.random.default_rng(seed).standard_normal((chains, draws, SIZE))
    draws[-1] += shift
    return draws


def test_a_window_settles_the_matrix_if_chains_agree_and_draws_are_many():
    assert settled(normal(), DENSE)
    assert not settled(normal(shift=1.0), DENSE)  # another place than the others
    drift = np.linspace(-1, 1, 100)[:, None]
    assert not settled(normal() + drift, DENSE)  # all together, but on their way
    assert settled(normal(), 80)
    assert not settled(normal(), 81)


def learning(draws):
    """A warm-up of 1000 that has come to the end of its first window, and what it does with such draws."""
    adaptation = Adaptation.begin(1000, DENSE, SIZE, None)
    zero = np.zeros(draws.shape[:2])
    block = next(n for n, stage in enumerate(adaptation.stages) if stage.lesson == "covariance")
    for number in range(3, block + 1):
        part = draws[:, (number - 3) * BLOCK : (number - 2) * BLOCK]
        steps = zero[:, :BLOCK] + 7
        trace = Trace(part, steps > 9, steps, steps, steps)
        adaptation = adaptation.after(number, trace, part, np.log([0.2, 0.3, 0.25, 0.25]))
    return adaptation, block


def test_the_warm_up_ends_when_it_has_settled_and_goes_on_when_not():
    ended, block = learning(normal())
    assert ended.stages == (*cold_stages(1000)[: block + 1], Stage(LAST))
    assert ended.iterations == 50 + 100 + LAST
    assert ended.stage(block + 1) == Stage(LAST)
    assert ended.stage(block + 2) == Stage(BLOCK)  # of the sampling
    assert ended.done(block + 4) == ended.iterations + 2 * BLOCK
    assert ended.steps == 4 * 100 * 7
    assert ended.positions == ended.gradients == ()
    apart, _ = learning(normal(shift=2.0))
    assert apart.stages == cold_stages(1000)


def test_r_hat_while_a_fit_runs_is_that_of_the_definition():
    draws = normal(draws=4 * BLOCK, shift=0.3)
    halves = draws.reshape(8, 2 * BLOCK, SIZE)
    within = halves.var(axis=1).mean(axis=0)
    expected = np.sqrt(1 + halves.mean(axis=1).var(axis=0, ddof=1) / within).max()
    assert split_rhat(draws) == pytest.approx(expected, rel=1e-12)
    running = RunningRhat()
    found = [running.after(draws[:, n * BLOCK : (n + 1) * BLOCK]) for n in range(4)]
    assert np.isnan(found[0])
    assert found[-1] == pytest.approx(expected, rel=1e-12)
    ranked = statistics(np.moveaxis(draws, -1, 0))[0].max()
    assert split_rhat(draws) == pytest.approx(ranked, abs=0.02)


@dataclass(frozen=True)
class Narrow:
    """Thirty correlated parameters whose posterior is 3 to 300 times as narrow as the prior."""

    size: int = 30

    def __call__(self, arrays):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0).expand([self.size]).to_event(1))
        numpyro.sample("y", dist.Normal(arrays["design"] @ x, 0.5).to_event(1), obs=arrays["y"])


@pytest.fixture(scope="module")
def narrow():
    """The data, and the exact covariance of the posterior."""
    rng = np.random.default_rng(3)
    size = Narrow().size
    design = rng.standard_normal((200, size)) @ rng.standard_normal((size, size))
    design *= np.geomspace(0.02, 2, size)
    y = design @ rng.standard_normal(size) + 0.5 * rng.standard_normal(200)
    return {"design": design, "y": y}, np.linalg.inv(np.eye(size) + design.T @ design / 0.25)


# Gradients that the warm-up of this model took, over all chains, when it had fixed windows of draws' covariances alone.
BEFORE = 20_855


def test_a_warm_up_costs_less_than_half_of_what_fixed_windows_cost(narrow):
    arrays, covariance = narrow
    found = sample(Narrow(), arrays, Schedule(4, 300, 400, Devices()), 1)
    assert found.warmup == 50 + 100 + LAST
    assert found.warmup_steps < 0.45 * BEFORE
    x = found.trace.position.reshape(-1, Narrow().size)
    np.testing.assert_allclose(x.var(axis=0), np.diag(covariance), rtol=0.25)
    assert statistics(np.moveaxis(found.trace.position, -1, 0))[1].min() > 800


def test_chains_that_do_not_meet_use_all_of_the_warm_up():
    @dataclass(frozen=True)
    class TwoModes:
        def __call__(self, arrays):
            x = numpyro.sample("x", dist.Normal(0.0, 5.0))
            numpyro.factor("modes", jax.nn.logsumexp(-0.5 * (x - arrays["modes"]) ** 2))

    found = sample(TwoModes(), {"modes": np.array([-8.0, 8.0])}, Schedule(4, 400, 100, Devices()), 1)
    assert found.warmup == 400
    assert statistics(np.moveaxis(found.trace.position, -1, 0))[0].max() > 1.5
