"""`make ui` says at once what it starts: its addresses follow when everything answers."""

import os
import subprocess
import sys

import pytest

from assets.resources.settings import REPOSITORY
from tests.waiting import Stopwatch


@pytest.mark.slow
def test_what_is_started_and_how_long_it_takes_is_said_before_anything_is_made(tmp_path):
    data = tmp_path / "data"
    with (
        Stopwatch() as waited,
        subprocess.Popen(
            [sys.executable, "-m", "orchestration.ui"],
            cwd=REPOSITORY,
            env={**os.environ, "MMM_DATA_DIR": str(data)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        said = process.stdout.readline()
        process.kill()  # no service has been started: there is no folder for its log
    assert said.startswith("Starting Dagster (code server, webserver, daemon) and MLflow")
    assert waited.seconds < 20
    assert not (data / "logs").exists()
