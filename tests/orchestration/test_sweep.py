"""What failed for a reason that passes is asked for again, ever later; what data or a check refused is not."""

import datetime as dt

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus as Status
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.utils import make_new_run_id

from assets import brief
from assets.models import PARTITIONS
from assets.resources.processes import HOST, PID, process_tags
from assets.resources.tracking import TrackingAway
from assets.resources.warehouse import WarehouseLocked
from mmm_core.errors import InputError, OutOfSpace
from orchestration import jobs, reasons, sweep
from orchestration.instance import TEMPLATE
from orchestration.policies import EXECUTOR

LOCKED = WarehouseLocked("w.duckdb is locked by python (process 12): close that connection")
VINTAGE, OTHER = PARTITIONS.get_partition_keys()[:2]
TODAY: dict[str, object] = {}
"""What is wrong: `error` is what steps raise, `unsound` what the check finds."""


@dg.asset(group_name="raw")
def table() -> None: ...


@dg.asset(group_name="marts", deps=[table])
def mart() -> None:
    if "error" in TODAY:
        raise TODAY["error"]


@dg.asset_check(asset=mart, blocking=True)
def adds_up() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed="unsound" not in TODAY)


@dg.asset(group_name="marts", deps=[mart])
def mart_of_marts() -> None: ...


@dg.asset(group_name="reporting", deps=[mart])
def shown() -> None: ...


@dg.asset(group_name="registry", partitions_def=PARTITIONS)
def fitted() -> None:
    if "error" in TODAY:
        raise TODAY["error"]


def small_location() -> dg.Definitions:
    """Assets of the groups that the platform's jobs are made of, and those jobs."""
    groups = {job: [g for g, its in jobs.JOB_OF_GROUP.items() if its == job] for job in ("ingest", "report")}
    return dg.Definitions(
        assets=[table, mart, mart_of_marts, shown, fitted],
        asset_checks=[adds_up],
        jobs=[
            *(dg.define_asset_job(job, dg.AssetSelection.groups(*of)) for job, of in groups.items()),
            dg.define_asset_job("refresh_model", dg.AssetSelection.assets(fitted)),
        ],
        executor=EXECUTOR,
    )


LOCATION = small_location()
REPOSITORY = LOCATION.get_repository_def()


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An instance that repeats runs as the platform's does, on a day on which nothing is wrong."""
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    TODAY.clear()
    settings = {"run_retries": yaml.safe_load(TEMPLATE.read_text())["run_retries"]}
    with dg.DagsterInstance.ephemeral(settings=settings) as found:
        yield found


def started(
    instance, job="ingest", partition=None, only=None, tags=None, of_terminal=False, after=None, process=None
):
    """A run that is at work, as the daemon starts one; `only` names assets, `process` changes what it is."""
    run_id = make_new_run_id()
    location = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name="carryover")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    selection = {dg.AssetKey(name) for name in only.split()} if only else None
    definition = REPOSITORY.get_job(job)
    return instance.create_run_for_job(
        definition.get_subset(asset_selection=selection) if selection else definition,
        run_id=run_id,
        asset_selection=selection,
        tags={
            **({".dagster/terminal": "true"} if of_terminal else {}),
            **({**process_tags(run_id), **process} if process else {}),
            **(tags or {}),
            **({"dagster/partition": partition} if partition else {}),
        },
        remote_job_origin=origin,
        status=Status.STARTING,
        root_run_id=after,
        parent_run_id=after,
    )


def ran(instance, job="ingest", **how):
    """A run that is at its end."""
    run = started(instance, job, **how)
    definition = REPOSITORY.get_job(job)
    selection = run.asset_selection
    execute_run(
        InMemoryJob(definition.get_subset(asset_selection=selection) if selection else definition),
        run,
        instance,
    )
    return instance.get_run_by_id(run.run_id)


@pytest.fixture
def later(monkeypatch):
    """Moves the sensor's clock."""
    moved = {"by": dt.timedelta()}

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime.now(tz) + moved["by"]

    monkeypatch.setattr(sweep, "datetime", Clock)

    def move(**delta):
        moved["by"] += dt.timedelta(**delta)

    return move


def asked(instance):
    """What the sensor asks for, as the daemon would launch it."""
    with dg.build_sensor_context(instance=instance, repository_def=REPOSITORY) as context:
        return sweep.ask_again.evaluate_tick(context).run_requests


def repeated(instance, request):
    """The run that a request becomes."""
    partition = request.tags.get("dagster/partition")
    return ran(instance, request.job_name, partition=partition, tags=request.tags)


def test_what_failed_of_a_locked_warehouse_is_asked_for_again_ever_later_and_three_times_at_most(
    instance, later
):
    TODAY["error"] = LOCKED
    run = ran(instance, tags={"owner": "team:brand"})
    for attempt, wait in enumerate(
        (dt.timedelta(minutes=15), dt.timedelta(hours=1), dt.timedelta(hours=4)), 1
    ):
        later(seconds=wait.total_seconds() - 60)
        assert asked(instance) == []
        later(minutes=1)
        (request,) = asked(instance)
        assert (request.job_name, request.asset_selection) == ("ingest", None)
        assert request.tags[sweep.REPEATS] == run.run_id
        assert request.tags[sweep.ATTEMPT] == str(attempt)
        assert request.tags["owner"] == "team:brand"
        assert asked(instance)[0].run_key == request.run_key, "Dagster passes over a key that it has seen"
        assert "is asked for again after" in sweep.what_follows(instance, run)
        run = repeated(instance, request)
        later(seconds=-wait.total_seconds())
    later(hours=12)
    assert asked(instance) == []
    assert sweep.what_follows(instance, run) == "It was asked for 3 times again, and is not any more."


def test_what_went_well_in_between_or_is_at_work_is_not_asked_for(instance, later):
    TODAY["error"] = LOCKED
    ran(instance, only="mart mart_of_marts")
    later(minutes=15)
    assert len(asked(instance)) == 1
    TODAY.clear()
    ran(instance, only="mart")
    assert len(asked(instance)) == 1, "one of the two was not made yet"
    started(instance, only="mart_of_marts")
    assert asked(instance) == []


def test_a_vintage_is_asked_for_again_by_itself(instance, later):
    TODAY["error"] = TrackingAway("http://mlflow", "refused")
    ran(instance, "refresh_model", partition=VINTAGE)
    later(minutes=15)
    TODAY.clear()
    ran(instance, "refresh_model", partition=OTHER)
    (request,) = asked(instance)
    assert (request.job_name, request.tags["dagster/partition"]) == ("refresh_model", VINTAGE)
    assert repeated(instance, request).status == Status.SUCCESS
    assert asked(instance) == []


def test_a_past_week_is_asked_for_again_as_one():
    """Its assets are placed in another job, of which it is a part."""
    from orchestration.definitions import defs

    job_of = jobs.job_of_each(defs.resolve_asset_graph())
    run = dg.DagsterRun(job_name="refresh_past_week", tags={"dagster/partition": VINTAGE, **brief.TAGS})
    (request,) = sweep.requests(run, job_of)
    assert (request.job_name, request.partition_key, request.asset_selection) == (run.job_name, VINTAGE, None)
    part = dg.DagsterRun(
        job_name=run.job_name, tags=run.tags, asset_selection=frozenset({dg.AssetKey("roi")})
    )
    (request,) = sweep.requests(part, job_of)
    assert (request.job_name, request.asset_selection) == (run.job_name, [dg.AssetKey("roi")])


def test_a_vintage_of_a_model_that_is_gone_is_left_alone(instance, later):
    run = started(instance, "refresh_model", partition="2026-01-05|no_such_model")
    instance.report_run_failed(run)
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "false"})
    later(minutes=15)
    assert asked(instance) == []


def test_what_automation_asked_for_of_two_jobs_is_asked_for_job_by_job(instance, later):
    TODAY["error"] = LOCKED
    run = ran(instance, "__ASSET_JOB", only="mart mart_of_marts shown")
    later(minutes=15)
    marts, report = sorted(asked(instance), key=lambda request: request.job_name)
    assert (marts.job_name, report.job_name) == ("ingest", "report")
    assert [key.to_user_string() for key in marts.asset_selection] == ["mart", "mart_of_marts"]
    assert [key.to_user_string() for key in report.asset_selection] == ["shown"]
    assert marts.run_key != report.run_key
    assert run.run_id in marts.run_key


@pytest.mark.parametrize("error", [InputError("column spend: 'high' is no number"), ValueError("high")])
def test_what_data_refused_is_not(instance, later, error):
    TODAY["error"] = error
    run = ran(instance)
    later(hours=12)
    assert asked(instance) == []
    assert sweep.what_follows(instance, run) == ""


def test_what_a_check_refused_is_not(instance, later):
    TODAY["unsound"] = True
    assert ran(instance).status == Status.FAILURE
    later(hours=12)
    assert asked(instance) == []


def test_what_a_full_disk_stopped_waits_for_room(instance, later, monkeypatch, tmp_path):
    TODAY["error"] = OutOfSpace("w.duckdb: could not be written: the disk is full")
    ran(instance)
    later(minutes=15)
    with monkeypatch.context() as full:
        full.setattr(reasons, "is_full", lambda folder: folder == tmp_path)
        assert asked(instance) == []
    assert len(asked(instance)) == 1


def test_a_process_that_was_told_to_end_is_asked_for_again(instance, later):
    TODAY["error"] = DagsterExecutionInterruptedError()
    assert sweep.will_be_retried(ran(instance))
    ran(instance, tags={"dagster/max_retries": "0"})  # as if that had been repeated
    later(minutes=15)
    assert len(asked(instance)) == 1


def test_a_process_that_died_dagster_replaces_once_and_the_sweep_after_that(instance, later):
    """Nobody but the sensor notices: the tags are of a process of this host that is no more."""
    gone = {PID: "4194305"}
    first = started(instance, process=gone)
    assert asked(instance) == [], "it has just been found dead"
    first = instance.get_run_by_id(first.run_id)
    assert (first.status, first.tags["dagster/will_retry"]) == (Status.FAILURE, "true")
    assert sweep.what_follows(instance, first) == "Dagster runs it again now."
    again = {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
    second = started(instance, tags=again, process=gone, after=first.run_id)
    assert asked(instance) == []
    assert instance.get_run_by_id(second.run_id).tags["dagster/will_retry"] == "false"
    later(minutes=15)
    (request,) = asked(instance)
    assert request.tags[sweep.REPEATS] == second.run_id
    third = started(instance, tags=request.tags, process=gone)
    asked(instance)
    assert instance.get_run_by_id(third.run_id).tags["dagster/will_retry"] == "false", (
        "the sweep's own are its"
    )


def test_a_step_that_failed_dagster_leaves_to_the_sweep(instance):
    TODAY["error"] = LOCKED
    assert ran(instance).tags["dagster/will_retry"] == "false"


def test_a_run_of_another_host_or_of_a_terminal_is_left_alone(instance, later):
    elsewhere = started(instance, process={HOST: "elsewhere", PID: "4194305"})
    TODAY["error"] = LOCKED
    ran(instance, "report", only="shown", of_terminal=True)
    ran(instance, only="mart", of_terminal=True)
    later(hours=1)
    assert asked(instance) == []
    assert instance.get_run_by_id(elsewhere.run_id).status == Status.STARTING


def test_what_failed_long_ago_is_left_alone(instance, later):
    TODAY["error"] = LOCKED
    ran(instance)
    later(days=3)
    assert asked(instance) == []
