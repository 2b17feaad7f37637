"""A fit that computes nothing is ended with a reason; one that computes, however long, is not."""

import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from mmm_core.inference import watchdog
from mmm_core.inference.hmc.state import Progress
from tests.mmm_core.posteriors import SPEC, weekly_table
from tests.waiting import HANGS, wait_for

SAMPLING = Progress("sampling", 450, 1400, 0, 12.0)


@pytest.fixture
def reasons(monkeypatch):
    """A second and a half of idleness is enough; what the watch says is kept."""
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(watchdog, "IDLE_LOOKS", 3)
    monkeypatch.setattr(watchdog, "IDLE_SHARE", 0.3)
    told = []
    said = threading.Event()
    monkeypatch.setattr(watchdog, "_handler", lambda words: (told.append(words), said.set()))
    return told, said


def test_nothing_computed_is_said_once_with_the_place_and_the_remedy(reasons):
    told, said = reasons
    passed_on = []
    with watchdog.watched(passed_on.append) as tell:
        tell(SAMPLING)
        wait_for(said.is_set, 60)
    assert passed_on == [SAMPLING]
    assert len(told) == 1
    for words in (
        "in 'sampling', after 450 of 1,400 iterations",
        "computed nothing",
        "PJRT_NPROC=16",
        "vectorized",
    ):
        assert words in told[0]


def test_a_long_computation_without_a_sign_of_progress_is_left_alone(reasons):
    """Twice as long as the watch waits, in programs that do not return to Python."""
    told, _ = reasons
    turns = jnp.asarray(1_000_000)
    program = jax.jit(lambda n: jax.lax.fori_loop(0, n, lambda _, x: jnp.sin(x) + 1, jnp.zeros(64)))
    with watchdog.watched(None):
        began = time.process_time()
        while time.process_time() - began < 3:
            program(turns).block_until_ready()
    assert told == []


def test_signs_of_progress_start_the_count_anew(reasons):
    told, _ = reasons
    with watchdog.watched(None) as tell:
        for done in range(60):  # three seconds, each look sees something new
            tell(Progress("sampling", done, 60, 0, 0.0))
            threading.Event().wait(0.05)
    assert told == []


def test_work_of_a_process_that_was_started_counts():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        before, own = watchdog.processor_seconds(), time.process_time()
        deadline = time.monotonic() + 30
        while watchdog.processor_seconds() - before < 0.3 + (time.process_time() - own):
            if not sys.platform.startswith("linux"):
                pytest.skip("only Linux says what other processes did")
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        busy.kill()


def test_an_accelerator_may_be_waited_for(reasons, monkeypatch):
    told, _ = reasons
    monkeypatch.setattr(watchdog, "_on_an_accelerator", lambda: True)
    with watchdog.watched(None):
        [watch] = [thread for thread in threading.enumerate() if thread.name == "watchdog"]
        watch.join(60)
    assert told == []


# A density that never comes back once it is evaluated, as that of threads which wait for each other.
BLOCKS = """
import threading

from mmm_core.inference import watchdog
watchdog.LOOK_SECONDS, watchdog.IDLE_LOOKS, watchdog.IDLE_SHARE = 0.5, 6, 0.3

import jax
import jax.numpy as jnp
from mmm_core.model import gaussian_block, model

def never(x):
    threading.Event().wait()

computes = model.log_likelihood

def log_likelihood(*arguments, **more):
    value = computes(*arguments, **more)
    shape = jax.ShapeDtypeStruct((), value.dtype)
    return value + jax.pure_callback(never, shape, jax.lax.stop_gradient(more["sigma"]))

model.log_likelihood = log_likelihood
"""


@pytest.mark.slow
def test_a_command_says_why_and_ends(tmp_path):
    """With a program that blocks in its own threads, which no signal and no exception ends."""
    import yaml

    spec, table = tmp_path / "model.yaml", tmp_path / "weekly.csv"
    spec.write_text(yaml.safe_dump({**SPEC, "fit": {"engine": "laplace", "draws": 100}}))
    weekly_table().to_csv(table, index=False)
    options = ["fit", "--model", str(spec), "--table", str(table), "--out", str(tmp_path / "out")]
    ran = subprocess.run(
        [sys.executable, "-c", f"{BLOCKS}\nfrom mmm_core.cli.cli import app\napp({options!r})"],
        capture_output=True, text=True, timeout=HANGS, check=False,
    )  # fmt: skip
    assert ran.returncode == 3, ran.stderr
    assert "Error: the fit has computed nothing for 3 seconds (in 'compiling')" in ran.stderr
    assert "PJRT_NPROC=16" in ran.stderr
    assert not list((tmp_path / "out").glob("*"))
