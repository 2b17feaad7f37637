"""What ends a run before it is done: kill -9, INT, TERM, HUP; and what waits for it meanwhile. Real processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus as Status

from assets.resources.processes import PID
from orchestration.instance import prepare_home
from tests.waiting import Stopwatch, exit_code, wait_for

pytestmark = pytest.mark.slow


@dataclass
class Sleeper:
    """A command at work in a process of its own."""

    folder: Path
    process: subprocess.Popen
    output: Path

    def wait_until_at_work(self) -> "Sleeper":
        return self._wait_until(lambda: (self.folder / f"at-work-{self.process.pid}").exists())

    def wait_until_it_says(self, words: str) -> "Sleeper":
        return self._wait_until(lambda: words in self.said())

    def _wait_until(self, condition) -> "Sleeper":
        wait_for(lambda: condition() or self.process.poll() is not None)
        assert condition(), self.said()
        return self

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """Its exit code, and how long it took to answer."""
        with Stopwatch() as answer:
            self.process.send_signal(number)
            code = exit_code(self.process, 30)
        return code, answer.seconds

    def said(self) -> str:
        return self.output.read_text()


@dataclass
class World:
    folder: Path
    instance: dg.DagsterInstance
    started: list[Sleeper]

    def start(self, job: str = "sleep") -> Sleeper:
        output = self.folder / f"output-{len(self.started)}"
        with output.open("wb") as file:
            command = [sys.executable, "-W", "ignore", "-m", "tests.orchestration.sleeper", job]
            process = subprocess.Popen(command, stdout=file, stderr=file)
        self.started.append(Sleeper(self.folder, process, output))
        return self.started[-1]

    def wake(self) -> None:
        (self.folder / "wake").touch()

    def statuses(self) -> list[Status]:
        """Of every run, in the order in which they began."""
        return [run.status for run in reversed(list(self.instance.get_runs()))]

    def waiting_or_holding(self) -> set[str]:
        return self.instance.event_log_storage.get_concurrency_run_ids()


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        found = World(tmp_path, instance, [])
        yield found
        for sleeper in found.started:
            sleeper.process.kill()
            sleeper.process.wait()


def test_the_next_start_ends_a_run_that_was_killed_and_nobody_waits_for_it(world):
    world.start().wait_until_at_work().end(signal.SIGKILL)
    assert world.statuses() == [Status.STARTED]  # what the dead leave
    assert world.waiting_or_holding()
    world.wake()
    second = world.start()
    assert exit_code(second.process) == 0, second.said()
    assert world.statuses() == [Status.FAILURE, Status.SUCCESS]
    assert world.waiting_or_holding() == set()
    (failed,) = world.instance.get_runs(filters=dg.RunsFilter(statuses=[Status.FAILURE]))
    messages = [entry.message for entry in world.instance.all_logs(failed.run_id)]
    assert any("is gone: killed" in message and "start the run again" in message for message in messages)


@pytest.mark.parametrize(("one", "other"), [("sleep", "sleep"), ("sleep", "briefly"), ("briefly", "sleep")])
def test_a_run_that_is_killed_while_another_waits_for_it_is_waited_for_no_longer(world, one, other):
    first = world.start(one).wait_until_at_work()
    second = world.start(other).wait_until_it_says("waits for the pool duckdb")
    assert (world.folder / f"before-{second.process.pid}").exists() == (other == "briefly")
    assert not (world.folder / f"at-work-{second.process.pid}").exists()
    first.end(signal.SIGKILL)
    second.wait_until_it_says("was killed")
    second.wait_until_at_work()
    world.wake()
    assert exit_code(second.process) == 0, second.said()
    assert world.statuses() == [Status.FAILURE, Status.SUCCESS]
    assert world.waiting_or_holding() == set()


def test_of_two_at_once_the_second_says_for_whom_it_waits_and_both_end_well(world):
    first = world.start().wait_until_at_work()
    second = world.start().wait_until_it_says("waits for the pool duckdb")
    (line,) = [line for line in second.said().splitlines() if "waits for the pool" in line]
    (holder,) = [run for run in world.instance.get_runs() if run.tags[PID] == str(first.process.pid)]
    for words in (f"process {first.process.pid}", f"run {holder.run_id[:8]}", "since 20", "sleep of sleep"):
        assert words in line
    assert not (world.folder / f"at-work-{second.process.pid}").exists()
    world.wake()
    assert [exit_code(first.process), exit_code(second.process)] == [0, 0], second.said()
    assert world.statuses() == [Status.SUCCESS, Status.SUCCESS]


def test_a_signal_cancels_the_run_at_work_and_the_rest(world):
    sleeper = world.start().wait_until_at_work()
    code, seconds = sleeper.end(signal.SIGINT)
    assert code == 130, sleeper.said()
    assert seconds < 15  # what ending takes on a busy machine
    assert world.statuses() == [Status.CANCELED]
    assert world.waiting_or_holding() == set()
    assert list(world.folder.glob("after-*")) == list(world.folder.glob("second-*")) == []
    last = sleeper.said().strip().splitlines()[-1]
    assert last == "stopped by SIGINT: First. make refresh MODEL=sleeper goes on from there"
    assert "Traceback" not in sleeper.said()


@pytest.mark.parametrize(
    ("job", "number", "expected"),
    [("sleep", signal.SIGINT, 130), ("sleep", signal.SIGTERM, 143), ("briefly", signal.SIGTERM, 143)],
)
def test_a_signal_ends_one_that_waits_and_not_the_one_it_waits_for(world, job, number, expected):
    first = world.start().wait_until_at_work()
    second = world.start(job).wait_until_it_says("waits for the pool duckdb")
    code, seconds = second.end(number)
    assert code == expected, second.said()
    at_once = {signal.SIGINT: "Ctrl-C again", signal.SIGTERM: "a second SIGTERM or Ctrl-C"}[number]
    assert f"{number.name}: stopping; {at_once} ends it at once" in second.said()
    assert seconds < 15
    assert world.statuses() == [Status.STARTED, Status.CANCELED]
    world.wake()
    assert exit_code(first.process) == 0, first.said()
    assert world.waiting_or_holding() == set()


def test_a_signal_is_heard_between_two_tries_of_a_step(world):
    sleeper = world.start("again").wait_until_at_work()
    wait_for(lambda: any("STEP_UP_FOR_RETRY" in str(e.dagster_event) for e in events(world)))
    assert sleeper.end(signal.SIGTERM)[0] == 143, sleeper.said()
    assert world.statuses() == [Status.CANCELED]
    assert world.waiting_or_holding() == set()


def events(world):
    return [e for run in world.instance.get_runs() for e in world.instance.all_logs(run.run_id)]


def test_a_second_signal_ends_at_once_what_does_not_listen(world):
    sleeper = world.start("deaf").wait_until_at_work()
    sleeper.process.send_signal(signal.SIGINT)
    wait_for(lambda: (world.folder / f"not-heard-{sleeper.process.pid}").exists())
    sleeper.wait_until_it_says("SIGINT: stopping")
    time.sleep(0.6)  # nearer signals are taken for one
    assert sleeper.end(signal.SIGINT)[0] == 130
    assert "ended at once" in sleeper.said()
    world.wake()
    assert exit_code(world.start().process) == 0
    assert world.statuses() == [Status.FAILURE, Status.SUCCESS]


def test_a_closed_terminal_ends_the_run_as_cancelled(world):
    """The terminal is a real one: once it is closed, writing to it fails and the kernel sends HUP."""
    pid, terminal = os.forkpty()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests that run under nohup ignore it
        os.execv(
            sys.executable, [sys.executable, "-W", "ignore", "-m", "tests.orchestration.sleeper", "sleep"]
        )
    wait_for(lambda: (world.folder / f"at-work-{pid}").exists())
    os.close(terminal)
    ended = []
    wait_for(lambda: ended.extend(_ended(pid)) or ended)
    assert ended == [129]
    assert world.statuses() == [Status.CANCELED]
    assert world.waiting_or_holding() == set()


def _ended(pid: int) -> list[int]:
    """Exit code of a child that has ended."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return [os.waitstatus_to_exitcode(status)] if found else []
