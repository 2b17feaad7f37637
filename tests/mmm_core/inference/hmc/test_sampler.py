"""The sampler on targets whose moments are known, its layouts, its checkpoints and its warm start."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy.special import ndtr

from mmm_core.errors import InputError
from mmm_core.inference.hmc.checkpoint import UnusableCheckpoint, load_checkpoint
from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.program import compiled
from mmm_core.inference.hmc.sampler import sample
from mmm_core.inference.hmc.starts import START_SPREAD, first_points
from mmm_core.inference.hmc.state import Schedule, Start
from mmm_core.inference.runtime import Devices, largest_divisor
from mmm_core.inference.sites import unconstrained_scale
from mmm_core.posterior.mixing import statistics

jax.config.update("jax_enable_x64", True)

COVARIANCE = np.array([[4.0, 1.8, 0.0], [1.8, 1.0, 0.0], [0.0, 0.0, 1e-4]])
MEAN = np.array([1.0, -2.0, 0.01])


@dataclass(frozen=True)
class Target:
    """A correlated normal of very different scales, a positive parameter, and many small ones."""

    small: int = 60

    def __call__(self, arrays):
        numpyro.sample("x", dist.MultivariateNormal(arrays["mean"], arrays["covariance"]))
        numpyro.sample("rate", dist.Gamma(3.0, 2.0))
        numpyro.sample("small", dist.Normal(0.0, 0.1).expand([self.small]).to_event(1))


@dataclass(frozen=True)
class Walls:
    """A normal within (-1, 1), a density of 0 outside: a trajectory that leaves diverges."""

    def __call__(self, arrays):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("walls", jnp.where(jnp.abs(x) < arrays["wall"], 0.0, -jnp.inf))


@dataclass(frozen=True)
class NotANumber:
    """No density at all: not a number, or 0, or a number whose gradient is none."""

    kind: str

    def __call__(self, arrays):
        fine = numpyro.sample("fine", dist.Normal(0.0, 1.0))
        slope = numpyro.sample("slope", dist.HalfNormal(1.0))
        if self.kind == "nan":
            numpyro.factor("fault", jnp.nan * arrays["one"])
        elif self.kind == "zero":
            numpyro.factor("fault", -jnp.inf * arrays["one"])
        elif self.kind == "gradient":  # the square root of 0 that `where` hides, but not from its gradient
            numpyro.factor("fault", jnp.where(slope > 0, 0.0, jnp.sqrt(0.0 * slope)))
        else:  # finite where the chains start, not a number as soon as they have moved
            numpyro.factor("fault", jnp.where(fine == arrays["start"], 0.0, jnp.nan))


@dataclass(frozen=True)
class TwoModes:
    """Two narrow modes 12 apart under a wide prior, whose mean is nearer to one of them."""

    def __call__(self, arrays):
        x = numpyro.sample("x", dist.Normal(0.0, 5.0))
        numpyro.sample("others", dist.Normal(0.0, 1.0).expand([3]).to_event(1))
        far = jnp.abs(x - arrays["modes"])
        numpyro.factor("modes", jax.nn.logsumexp(-0.5 * far**2))


@dataclass(frozen=True)
class Cliff:
    """A density of 0 beyond a narrow range around the middle of the prior."""

    def __call__(self, arrays):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("cliff", jnp.where(jnp.abs(x) < arrays["wall"], 0.0, jnp.nan))


ARRAYS = {"mean": MEAN, "covariance": COVARIANCE}


def schedule(chains=4, warmup=300, draws=1000, devices=1):
    return Schedule(chains, warmup, draws, Devices(devices))


@pytest.fixture(scope="module")
def samples():
    return sample(Target(), ARRAYS, schedule(), seed=3)


def sites(samples):
    return jax.vmap(jax.vmap(samples.to_sites))(samples.trace.position)


@pytest.mark.slow
def test_moments_of_a_known_target(samples):
    values = sites(samples)
    x = np.asarray(values["x"]).reshape(-1, 3)
    assert (np.abs(x.mean(0) - MEAN) < 4 * np.sqrt(np.diag(COVARIANCE)) / 40).all()
    np.testing.assert_allclose(np.cov(x.T), COVARIANCE, atol=0.25, rtol=0.1)
    assert float(values["rate"].mean()) == pytest.approx(1.5, abs=0.06)
    assert float(values["rate"].std()) == pytest.approx(np.sqrt(3) / 2, rel=0.06)
    np.testing.assert_allclose(np.asarray(values["small"]).std((0, 1)), 0.1, rtol=0.12)
    assert not samples.trace.diverging.any()


@pytest.mark.slow
def test_the_mass_matrix_is_the_covariance(samples):
    np.testing.assert_allclose(samples.end.metric.covariance[:3, :3], COVARIANCE, rtol=0.35, atol=0.02)
    assert samples.end.metric.variance.shape == (60,)  # the large site has a diagonal of its own
    # of 400 draws whose squares are correlated, so that each has a standard deviation of an eighth: at most 4 of them
    np.testing.assert_allclose(samples.end.metric.variance, 0.01, rtol=0.5)


@pytest.mark.slow
def test_same_seed_same_draws_whatever_the_layout_of_the_program(samples):
    again = sample(Target(), ARRAYS, schedule(), seed=3)
    np.testing.assert_array_equal(again.trace.position, samples.trace.position)
    other = sample(Target(), ARRAYS, schedule(), seed=4)
    assert not np.allclose(other.trace.position, samples.trace.position)


class PowerCut(Exception):
    pass


def cut_after(iterations):
    """A progress callback that ends the run after the block that completes so many iterations."""

    def pull_the_plug(step):
        if step.done >= iterations:
            raise PowerCut

    return pull_the_plug


@pytest.fixture
def often(monkeypatch):
    """A checkpoint after every block."""
    monkeypatch.setattr("mmm_core.inference.hmc.sampler.CHECKPOINT_SECONDS", 0.0)


@pytest.mark.slow
def test_a_run_that_was_cut_short_goes_on_with_the_same_draws(samples, tmp_path, often):
    file = tmp_path / "fit.checkpoint"
    # in the search, in a window of the learning, and while sampling
    for iterations in (30, 100, samples.warmup + 200):
        with pytest.raises(PowerCut):
            sample(Target(), ARRAYS, schedule(), 3, cut_after(iterations), checkpoint=file, identity="a")
        assert file.is_file()
    steps = []
    resumed = sample(Target(), ARRAYS, schedule(), 3, steps.append, checkpoint=file, identity="a")
    # the state of the last block is not written: the cut came before
    assert steps[1].message == f"going on from the checkpoint at iteration {samples.warmup + 150}"
    assert steps[2].done == samples.warmup + 200
    assert resumed.warmup_steps == samples.warmup_steps
    # the file stays until the draws are safe: a run that was done is found done
    again = sample(Target(), ARRAYS, schedule(), 3, checkpoint=file, identity="a")
    for run in (resumed, again):
        for found, expected in zip(run.trace, samples.trace, strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(run.end.position, samples.end.position)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.checkpoint"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["foreign", "damaged", "flipped", "another file"])
def test_a_checkpoint_that_is_no_use_is_put_aside_and_the_fit_starts_again(samples, tmp_path, often, fault):
    file, remark = tmp_path / "fit.checkpoint", "is damaged, or no checkpoint"
    (tmp_path / "fit.checkpoint.unusable").write_text("of an earlier fit")
    identity = "b" if fault == "foreign" else "a"
    with pytest.raises(PowerCut):
        sample(Target(), ARRAYS, schedule(), 3, cut_after(50), checkpoint=file, identity=identity)
    content = bytearray(file.read_bytes())
    if fault == "foreign":
        remark = "is of another model, table, schedule, seed or version"
    elif fault == "damaged":
        content = content[:100]
    elif fault == "flipped":
        content[len(content) // 2] ^= 255
    else:
        content = pickle.dumps(("a", [1, 2, 3]))
    file.write_bytes(content)
    steps = []
    fresh = sample(Target(), ARRAYS, schedule(), 3, steps.append, checkpoint=file, identity="a")
    assert steps[1].message == (
        f"the checkpoint {file} {remark}: put aside as fit.checkpoint.unusable-2, the fit starts again"
    )
    np.testing.assert_array_equal(fresh.trace.position, samples.trace.position)
    assert (tmp_path / "fit.checkpoint.unusable-2").read_bytes() == content
    assert (tmp_path / "fit.checkpoint.unusable").read_text() == "of an earlier fit"


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    """A forged one: the array of a pickle."""

    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    file = tmp_path / "fit.checkpoint"
    with file.open("wb") as opened:
        np.savez(opened, facts=np.array([Bomb()], dtype=object))
    with pytest.raises(UnusableCheckpoint):
        load_checkpoint(file, "a")
    assert not (tmp_path / "ran").exists()


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="is a folder: name a file"):
        load_checkpoint(tmp_path, "a")


@pytest.mark.slow
def test_a_disk_that_is_full_does_not_end_a_fit(samples, tmp_path, often, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    steps = []
    run = sample(
        Target(), ARRAYS, schedule(), 3, steps.append, checkpoint=tmp_path / "fit.checkpoint", identity="a"
    )
    np.testing.assert_array_equal(run.trace.position, samples.trace.position)
    remarks = [step.message for step in steps if step.message]
    assert len(remarks) == 1
    assert "the checkpoint cannot be written" in remarks[0]
    assert "the fit goes on without" in remarks[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_warm_start_is_shorter_and_changes_no_answer(samples):
    steps = []
    warm = sample(Target(), ARRAYS, schedule(), 5, steps.append, start=samples.end)
    assert steps[-1].total == 1000 + 100  # a third of the warm-up
    far = samples.end._replace(
        position=samples.end.position + 3.0, metric=Metric.unit(4, 64, 0.5), step_size=0.01
    )
    misled = sample(Target(), ARRAYS, schedule(), 6, start=far)
    for run in (warm, misled):
        x = np.asarray(sites(run)["x"]).reshape(-1, 3)
        assert (np.abs(x.mean(0) - MEAN) < 5 * np.sqrt(np.diag(COVARIANCE)) / 40).all()
        np.testing.assert_allclose(x.std(0), np.sqrt(np.diag(COVARIANCE)), rtol=0.08)


@pytest.mark.slow
def test_divergences_are_counted_and_reported():
    steps = []
    walled = sample(Walls(), {"wall": 1.0}, schedule(chains=2, warmup=200, draws=200), 1, steps.append)
    assert 0 < walled.trace.diverging.sum() < 400
    assert steps[-1].divergences == walled.trace.diverging.sum()
    assert (np.abs(walled.trace.position) < 1).all()


@contextmanager
def within(seconds):
    """Fail where the block takes longer: what is tested here once ran for ever."""

    def late(*_):
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", "the posterior's density is 0 or not a number where chains 1, 2 start"),
        ("zero", "the posterior's density is 0 or not a number where chains 1, 2 start"),
        ("gradient", r"the gradient of .* is not a number where chains 1, 2 start \(in slope\)"),
        ("after the start", "not a number everywhere around the point where chains 1, 2 start"),
    ],
)
def test_a_density_that_is_no_number_is_refused(kind, words):
    """A run of a million iterations would reject for ever."""
    start = np.full((2, 2), 0.25)
    arrays = {"one": 1.0, "start": 0.25}
    warm = Start(start, Metric.unit(2, 2, 0.25), 0.1) if kind == "after the start" else None
    with within(120), pytest.raises(InputError, match=words):
        sample(NotANumber(kind), arrays, schedule(2, 1_000_000, 1_000_000), 1, start=warm)


@pytest.mark.parametrize("seed", range(3))
def test_two_modes_are_seen_by_r_hat(seed):
    """Chains that all start at the prior's mean find the mode that is nearer to it, and agree."""
    run = sample(TwoModes(), {"modes": np.array([-3.0, 9.0])}, schedule(4, 300, 300), seed)
    x = run.trace.position[..., 0]
    assert statistics(x[None])[0].item() > 1.5
    modes = x.mean(axis=1) > 3
    assert 0 < modes.sum() < 4


def test_chains_start_wider_than_the_prior_and_one_in_each_quarter():
    programs = compiled(Target(), ARRAYS, schedule())
    first = first_points(programs, ARRAYS, schedule(), 1, None)
    middle, sd = (np.asarray(part) for part in programs.prior_scale(ARRAYS))
    whitened = (first.position - middle) / sd
    quarters = np.sort(np.floor(4 * ndtr(whitened / START_SPREAD)).astype(int), axis=0)
    np.testing.assert_array_equal(quarters, np.arange(4)[:, None] * np.ones((1, programs.size), int))
    assert (np.abs(whitened).max(axis=0) > 1).all()  # 0.674 x 1.5: one beyond the prior sd at either end
    again = first_points(programs, ARRAYS, schedule(), 1, None, redraw=2)
    assert (np.abs(again.position - middle) < 4 * START_SPREAD / 4 * sd).all()


@pytest.mark.parametrize(
    ("prior", "middle", "sd"),
    [
        (dist.Normal(3.0, 2.0), 3.0, 2.0),
        (dist.LogNormal(0.2, 0.9).expand([2]).to_event(1), 0.2, 0.9),
        (dist.Beta(3.0, 3.0), 0.0, 0.756),
        (dist.HalfNormal(1.0), np.log(np.sqrt(2 / np.pi)) - 0.226, 0.672),
        (dist.Cauchy(0.0, 1.0), np.nan, 1.0),
    ],
)
def test_the_scale_of_a_prior_where_the_sampler_moves(prior, middle, sd):
    found = unconstrained_scale(prior)
    np.testing.assert_allclose(np.ravel(found[0]), middle, atol=1e-3)
    np.testing.assert_allclose(np.ravel(found[1]), sd, atol=1e-3)


def test_a_start_that_leads_nowhere_is_drawn_again():
    """At 1.5 prior sd two of the four chains start behind the wall, where nothing moves."""
    run = sample(Cliff(), {"wall": 0.6}, schedule(4, 100, 100), 1)
    assert (np.abs(run.trace.position) < 0.6).all()
    assert (np.ptp(run.trace.position, axis=1) > 0.1).all()


@pytest.mark.slow
def test_progress_says_how_it_goes(samples):
    steps = []
    sample(Target(), ARRAYS, schedule(), 3, steps.append)
    assert [step.phase for step in steps[:3]] == ["compiling", "warm-up", "warm-up"]
    assert steps[1].total == 1300  # the warm-up may take all of its iterations, but ends when it has settled
    assert steps[-1].done == steps[-1].total == 1000 + samples.warmup
    assert samples.warmup < 300
    assert 0.6 < steps[-1].acceptance < 1
    assert steps[-1].step_size == pytest.approx(samples.end.step_size)
    assert steps[-1].rhat < 1.02
    assert np.isnan(steps[3].rhat)


ON_FOUR_DEVICES = """
import json, sys
import jax
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
import numpy as np
from jax.sharding import PartitionSpec
from mmm_core.inference.runtime import Devices
from mmm_core.inference.hmc.program import compiled
from mmm_core.inference.hmc.sampler import sample
from mmm_core.inference.hmc.starts import START_SPREAD, first_points
from mmm_core.inference.hmc.state import Schedule
import jax.numpy as jnp, numpyro, numpyro.distributions as dist

class Panel:
    def __call__(self, arrays):
        mean = numpyro.sample("mean", dist.Normal(0.0, 10.0))
        scale = numpyro.sample("scale", dist.HalfNormal(1.0))
        numpyro.sample("y", dist.Normal(mean, scale).expand(arrays["y"].shape).to_event(2), obs=arrays["y"])

y = 2 + 0.5 * np.random.default_rng(0).standard_normal((8, 40))
model, out = Panel(), {}
for name, chains, geos in (("one", 1, 1), ("chains", 4, 1), ("both", 2, 2), ("geos", 1, 4)):
    spread = {"y": PartitionSpec("geo")} if geos > 1 else None
    run = sample(model, {"y": y}, Schedule(4, 200, 400, Devices(chains, geos)), 1, spread=spread)
    sites = jax.vmap(jax.vmap(run.to_sites))(run.trace.position)
    out[name] = {
        "first": run.trace.position[:, 0].tolist(),
        "mean": float(sites["mean"].mean()), "sd": float(sites["mean"].std()), "scale": float(sites["scale"].mean()),
    }
print(json.dumps({"truth": [float(y.mean()), float(y.std() / np.sqrt(y.size))], "devices": jax.device_count(), **out}))
"""


@pytest.mark.slow
def test_chains_and_geos_are_spread_over_devices():
    """On four host devices: chains on their own, geos of a chain shared out, both; one answer."""
    ran = subprocess.run(
        [sys.executable, "-c", ON_FOUR_DEVICES],
        env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found.pop("devices") == 4
    mean, sd = found.pop("truth")
    assert set(found) == {"one", "chains", "both", "geos"}
    for layout in found.values():
        assert layout["mean"] == pytest.approx(mean, abs=0.1 * sd + 0.003)
        assert layout["sd"] == pytest.approx(sd, rel=0.12)


def test_devices_are_shared_out_evenly():
    assert [largest_divisor(4, n) for n in (1, 2, 3, 4, 8)] == [1, 2, 2, 4, 4]
    assert largest_divisor(40, 16) == 10
    assert largest_divisor(1, 8) == 1
