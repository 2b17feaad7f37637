"""The sampler on targets whose moments are known, its layouts, its checkpoints and its warm start."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from mmm_core.errors import InputError
from mmm_core.inference.hmc.adaptation import Adaptation, Metric
from mmm_core.inference.hmc.sampler import BLOCK, Schedule, sample
from mmm_core.inference.runtime import Devices, largest_divisor

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
class Cliff:
    """A density that is nowhere finite away from its start: every trajectory diverges."""

    def __call__(self, arrays):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("cliff", jnp.where(jnp.abs(x) < 1e-9, 0.0, -jnp.inf) * arrays["on"])


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
    np.testing.assert_allclose(samples.end.metric.variance, 0.01, rtol=0.4)


@pytest.mark.slow
def test_same_seed_same_draws_whatever_the_layout_of_the_program(samples):
    again = sample(Target(), ARRAYS, schedule(), seed=3)
    np.testing.assert_array_equal(again.trace.position, samples.trace.position)
    other = sample(Target(), ARRAYS, schedule(), seed=4)
    assert not np.allclose(other.trace.position, samples.trace.position)


@pytest.mark.slow
def test_a_run_that_was_cut_short_goes_on_with_the_same_draws(samples, tmp_path, monkeypatch):
    monkeypatch.setattr("mmm_core.inference.hmc.sampler.CHECKPOINT_SECONDS", 0.0)
    file = tmp_path / "fit.checkpoint"

    class PowerCut(Exception):
        pass

    for cut in (2, 9):  # once in the warm-up, once while sampling

        def pull_the_plug(step, at=cut):
            if step.done == at * BLOCK:
                raise PowerCut

        with pytest.raises(PowerCut):
            sample(Target(), ARRAYS, schedule(), 3, pull_the_plug, checkpoint=file, identity="a")
        assert file.is_file()
    steps = []
    resumed = sample(Target(), ARRAYS, schedule(), 3, steps.append, checkpoint=file, identity="a")
    assert steps[1].done > 2 * BLOCK  # it did not start anew
    np.testing.assert_array_equal(resumed.trace.position, samples.trace.position)
    np.testing.assert_array_equal(resumed.trace.energy, samples.trace.energy)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_checkpoint_of_something_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mmm_core.inference.hmc.sampler.CHECKPOINT_SECONDS", 0.0)
    file = tmp_path / "fit.checkpoint"

    def stop(step):
        if step.done == BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(Target(), ARRAYS, schedule(), 3, stop, checkpoint=file, identity="a")
    # the plug was pulled before the first block was saved; go one further
    file.unlink(missing_ok=True)

    def stop_later(step):
        if step.done == 2 * BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(Target(), ARRAYS, schedule(), 3, stop_later, checkpoint=file, identity="a")
    with pytest.raises(InputError, match="another model, table, seed or version"):
        sample(Target(), ARRAYS, schedule(), 3, checkpoint=file, identity="b")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        sample(Target(), ARRAYS, schedule(), 3, checkpoint=file, identity="a")


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
    stuck = sample(Cliff(), {"on": 1.0}, schedule(chains=2, warmup=100, draws=100), 1, steps.append)
    assert stuck.trace.diverging.all()
    assert steps[-1].divergences == 200
    assert steps[-1].acceptance == 0


@pytest.mark.slow
def test_progress_says_how_it_goes(samples):
    steps = []
    sample(Target(), ARRAYS, schedule(), 3, steps.append)
    assert [step.phase for step in steps[:3]] == ["compiling", "warm-up", "warm-up"]
    assert steps[-1].done == steps[-1].total == 1300
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
from mmm_core.inference.hmc.sampler import Schedule, sample
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


@pytest.mark.parametrize("warmup", [50, 100, 200, 300, 500, 1000, 2000])
def test_windows_grow_and_leave_the_end_to_the_step_size(warmup):
    adaptation = Adaptation.begin(warmup, dense=3, size=5, block=BLOCK, start=None)
    updates = adaptation.updates
    assert list(updates) == sorted(set(updates))
    assert updates[0] == 0
    assert updates[-1] < adaptation.blocks - 1
    lengths = np.diff([-1, *updates])
    assert (np.diff(lengths[:-1]) >= 0).all()
    assert adaptation.blocks - 1 - updates[-1] >= adaptation.blocks // 6


def test_the_metric_is_shrunk_when_there_are_few_draws():
    draws = np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, (4, 5000))
    many, few = Metric.of(draws, 3), Metric.of(draws[:1, :6], 3)
    np.testing.assert_allclose(many.covariance, COVARIANCE, rtol=0.05, atol=0.02)
    correlation = few.covariance[0, 1] / np.sqrt(few.covariance[0, 0] * few.covariance[1, 1])
    assert abs(correlation) < 0.6 * abs(np.corrcoef(draws[0, :6, :2].T)[0, 1])
    root, scale = Metric.of(draws, 1).roots()
    np.testing.assert_allclose(root[0, 0] ** 2, 4.0, rtol=0.05)
    np.testing.assert_allclose(scale**2, [1.0, 1e-4], rtol=0.05)
