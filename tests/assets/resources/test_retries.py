"""A step is tried again where the warehouse was locked, and nowhere else."""

import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.definitions.dependency import NodeHandle

from assets.marts.runner import DbtFailed
from assets.resources import retries
from assets.resources.retries import TRIES, tried_again_when_locked
from assets.resources.warehouse import Warehouse, WarehouseDamaged


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(retries, "WAIT_SECONDS", 0.0)


def tries(work) -> tuple[int, bool]:
    """How often a step that does this is begun, and whether it succeeds."""
    begun = []

    @dg.asset
    def step(context: dg.AssetExecutionContext) -> None:
        begun.append(context.retry_number)
        with tried_again_when_locked(context):
            work()

    with dg.DagsterInstance.ephemeral() as instance:
        success = dg.materialize([step], instance=instance, raise_on_error=False).success
    assert begun == list(range(len(begun)))
    return len(begun), success


def test_a_warehouse_that_is_given_back_is_written_at_the_second_try(tmp_path):
    path = tmp_path / "w.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    holder.stdout.readline()
    warehouse = Warehouse(path=str(path), wait_seconds=0.1)

    def work():
        try:
            warehouse.prepare()
        finally:
            if holder.returncode is None:
                holder.communicate(b"\n")

    assert tries(work) == (2, True)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DbtFailed("IO Error: Could not set lock on file w.duckdb: Conflicting lock is held in python (PID 7)"), TRIES),
        (DbtFailed("Failure in test filled_media: Got 3 results, configured to fail if != 0"), 1),
        (WarehouseDamaged("w.duckdb is damaged"), 1),
        (OSError("No space left on device"), 1),
    ],
)  # fmt: skip
def test_what_comes_out_the_same_is_tried_once(error, expected):
    def work():
        raise error

    assert tries(work) == (expected, False)


@pytest.mark.parametrize("job", ["ingest", "refresh_model", "report"])
def test_no_job_tries_steps_again_whatever_their_error_is(job):
    from orchestration.definitions import job_named

    found = job_named(job)
    policies = [found.get_retry_policy_for_handle(NodeHandle(node.name, None)) for node in found.nodes]
    assert policies
    assert not any(policies)
