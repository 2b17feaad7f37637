"""A command as small as can be that runs a job in the foreground as `make refresh` does, to be killed and stopped.

    python -m tests.orchestration.sleeper JOB

The jobs: `sleep` holds the pool `duckdb` until the file `wake` is in MMM_DATA_DIR; `briefly` does so for a part of its
step, before which it leaves before-<pid>; `deaf` lets nothing interrupt it; `again` fails and would be tried again
in an hour. at-work-<pid> appears once a step is at work in the pool.
"""

import os
import sys
import time
from pathlib import Path

import dagster as dg

from assets.resources.dead_runs import end_dead_runs
from assets.resources.pools import place
from orchestration.command import command
from orchestration.executor import one_process
from orchestration.follow import FOLLOW, follow
from orchestration.foreground import Foreground
from orchestration.instance import prepare_home

FOLDER = Path(os.environ.get("MMM_DATA_DIR", "."))


def sleep_until_woken() -> None:
    (FOLDER / f"at-work-{os.getpid()}").touch()
    while not (FOLDER / "wake").exists():
        time.sleep(0.05)


@dg.asset(pool="duckdb")
def sleep() -> None:
    sleep_until_woken()


@dg.asset(deps=[sleep])
def after_sleep() -> None:
    (FOLDER / f"after-{os.getpid()}").touch()


@dg.asset(pool="duckdb")
def deaf() -> None:
    while not (FOLDER / "wake").exists():
        try:
            sleep_until_woken()
        except BaseException:
            (FOLDER / f"not-heard-{os.getpid()}").touch()


@dg.asset
def briefly(context: dg.AssetExecutionContext) -> None:
    (FOLDER / f"before-{os.getpid()}").touch()
    with place(context, "duckdb"):
        sleep_until_woken()


@dg.asset(pool="duckdb", retry_policy=dg.RetryPolicy(max_retries=2, delay=3600))
def again() -> None:
    (FOLDER / f"at-work-{os.getpid()}").touch()
    raise ValueError("[no] luck")


defs = dg.Definitions(
    assets=[sleep, after_sleep, briefly, deaf, again],
    jobs=[
        dg.define_asset_job("sleep", [sleep, after_sleep]),
        dg.define_asset_job("briefly", [briefly]),
        dg.define_asset_job("deaf", [deaf]),
        dg.define_asset_job("again", [again]),
    ],
    executor=one_process,
    loggers={FOLLOW: follow, "console": dg.colored_console_logger},
)


def job_named(name: str) -> dg.JobDefinition:
    return defs.resolve_job_def(name)


def work(foreground: Foreground) -> None:
    foreground.jobs = ("tests.orchestration.sleeper", "job_named")
    prepare_home()
    instance = dg.DagsterInstance.get()
    end_dead_runs(instance)
    foreground.instance = instance
    with foreground.phase("First"):
        foreground.run(sys.argv[1])
    with foreground.phase("Second"):
        (FOLDER / f"second-{os.getpid()}").touch()


if __name__ == "__main__":
    sys.exit(command(FOLDER / "logs" / f"{os.getpid()}.log", work, again="make refresh MODEL=sleeper"))
