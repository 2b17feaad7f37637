"""The worker as a process: heard, quiet, and gone when it should be. Small scripts stand in for Meridian's."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.inference.engines.meridian import process, worker
from tests.waiting import Stopwatch

REAL = Path(worker.__file__)
LOADED = f"""
import importlib.util, os, sys, threading, time
spec = importlib.util.spec_from_file_location("worker", {str(REAL)!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
"""


def stand_in(monkeypatch, folder, code):
    script = folder / "script.py"
    script.write_text(LOADED + textwrap.dedent(code))
    monkeypatch.setattr(worker, "__file__", str(script))


def run(folder, report=lambda phase: None):
    return process.run_worker(Path(sys.executable), folder, "small", report)


def test_phases_are_told_and_nothing_else_is_heard(monkeypatch, tmp_path, capfd):
    stand_in(
        monkeypatch,
        tmp_path,
        """
        say = worker._phases()
        print("noise of a library")
        os.write(1, b"noise of C++\\n")
        for phase in range(4):
            say(phase)
        import numpy as np
        np.savez("draws.npz", mu_t=np.arange(3.0))
        open("result.json", "w").write('{"versions": {}}')
        """,
    )
    told = []
    draws, result = run(tmp_path, told.append)
    np.testing.assert_array_equal(draws["mu_t"], np.arange(3.0))
    assert result == {"versions": {}}
    assert list(dict.fromkeys(told)) == list(worker.PHASES)
    assert capfd.readouterr() == ("", "")
    assert "noise of C++" in (tmp_path / "worker.log").read_text()


def test_an_error_is_named_with_its_last_lines(monkeypatch, tmp_path):
    stand_in(
        monkeypatch,
        tmp_path,
        """
        open("error.txt", "w").write("ValueError: first\\nsecond\\n" + "x" * 5000 + "\\nknots must be below 12")
        sys.exit(3)
        """,
    )
    with pytest.raises(InputError, match=r"model small: Meridian .* ended with an error \(exit 3\)") as error:
        run(tmp_path)
    lines = str(error.value).splitlines()
    assert lines[-1] == "  knots must be below 12"
    assert max(map(len, lines)) <= 310


def test_an_error_without_a_message_has_the_end_of_the_log(monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, "raise ModuleNotFoundError('No module named keras')")
    with pytest.raises(InputError, match="keras\nits environment is not complete: run `mmm engine meridian`"):
        run(tmp_path)


def test_a_killed_worker_is_said_to_be_killed(monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, "os.kill(os.getpid(), 9)")
    with pytest.raises(InputError, match=r"killed by signal 9 \(SIGKILL\): too little memory"):
        run(tmp_path)


def test_an_interrupted_fit_leaves_no_worker(monkeypatch, tmp_path):
    stand_in(
        monkeypatch,
        tmp_path,
        """
        open("pid", "w").write(str(os.getpid()))
        say = worker._phases()
        say(1)
        time.sleep(600)
        """,
    )

    def interrupt(phase):
        if phase == worker.PHASES[1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_worker_ends_with_its_parent_however_that_ends(tmp_path):
    script, ready = tmp_path / "script.py", tmp_path / "ready"
    os.mkfifo(ready)
    # the worker holds the pipe open as long as it lives: its end is the end of the file
    script.write_text(
        LOADED
        + textwrap.dedent(
            f"""
            held = os.open({str(ready)!r}, os.O_WRONLY)
            os.write(held, b"up")
            threading.Thread(target=worker._end_with_parent, daemon=True).start()
            time.sleep(600)
            """
        )
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from pathlib import Path; import sys\n"
            f"from mmm_core.inference.engines.meridian import process, worker\n"
            f"worker.__file__ = {str(script)!r}\n"
            f"process.run_worker(Path(sys.executable), Path({str(tmp_path)!r}), 'small', lambda phase: None)",
        ]
    )
    with ready.open("rb") as pipe:
        assert pipe.read(2) == b"up"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        with Stopwatch() as end:
            assert pipe.read() == b""
    assert end.seconds < 30
