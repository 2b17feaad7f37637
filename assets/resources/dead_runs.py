"""Runs whose process is gone: failed, and their places in the pools given back, before anybody waits for them."""

from datetime import datetime

import dagster as dg
from dagster import DagsterRunStatus as Status

from assets.resources.processes import HOST, PID, is_gone, names_its_process

UNFINISHED = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]


def end_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """End every run of this host whose process was killed; what it held in the pools is free afterwards.

    Runs that go on, wherever they were started, and those that do not say which process they are, stay as they are.
    """
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
        if is_gone(run.run_id, run.tags) and _end(instance, run):
            ended.append(run)
    for run in _finished_holders(instance):
        if is_gone(run.run_id, run.tags):  # it died after it had failed and before it gave its places back
            free_places(instance, run.run_id)
    return ended


def free_places(instance: dg.DagsterInstance, run_id: str) -> None:
    """Give back what a run holds in the pools, and its place in their queues."""
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def holders(instance: dg.DagsterInstance, pool: str) -> list[str]:
    """Who holds a pool's places: run, process and since when, one phrase each."""
    slots = instance.event_log_storage.get_concurrency_info(pool).claimed_slots
    return [_words(instance, slot.run_id, slot.step_key) for slot in slots]


def name(run: dg.DagsterRun) -> str:
    """A run in words: its job and what it is for."""
    partition = run.tags.get("dagster/partition")
    return f"{run.job_name} of {partition}" if partition else run.job_name


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether it was this call that ended the run."""
    found = instance.get_run_by_id(run.run_id)
    if found is None or found.is_finished:  # another process noticed first
        return False
    if found.status == Status.CANCELING:
        instance.report_run_canceled(found, f"Process {run.tags[PID]} ended as it was asked to.")
    else:
        instance.report_run_failed(
            found,
            f"Process {run.tags[PID]} on {run.tags[HOST]}, which this run was, is gone: killed, out of memory, or lost "
            "in a restart. Its places in the pools are free again; start the run again: what was finished is kept.",
        )
    free_places(instance, run.run_id)
    return True


def _finished_holders(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    storage = instance.event_log_storage
    held = storage.get_concurrency_run_ids() if storage.supports_global_concurrency_limits else set()
    if not held:
        return []
    return [run for run in instance.get_runs(filters=dg.RunsFilter(run_ids=list(held))) if run.is_finished]


def _words(instance: dg.DagsterInstance, run_id: str, step: str) -> str:
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return f"run {run_id[:8]}, which is no longer known"
    run = record.dagster_run
    known = names_its_process(run_id, run.tags)
    process = f"process {run.tags[PID]} on {run.tags[HOST]}" if known else "an unknown process"
    since = (
        f"{datetime.fromtimestamp(record.start_time):%Y-%m-%d %H:%M:%S}" if record.start_time else "its start"
    )
    return f"{step} of {name(run)} (run {run_id[:8]}, {process}, since {since})"
