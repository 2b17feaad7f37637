"""Why a step failed, in the words meant for a person: for the terminal and for alerts."""

import re
import shutil
from collections.abc import Iterable, Iterator

from dagster import AssetCheckSeverity, DagsterEvent, DagsterEventType
from dagster._utils.error import SerializableErrorInfo

from assets.resources.settings import data_dir
from mmm_core.disk import says_out_of_space

# Whoever defined or raised these said what is wrong and what to do: the causes below them are for the log.
_MEANT_FOR_PEOPLE = re.compile(r"^(?:(?:mmm_core|assets|orchestration)(?:\.\w+)+|[\w.]+\.events\.Failure): ")
_CLASS = re.compile(r"^[A-Za-z_][\w.]*: ")
_CHECK_FAILED = "DagsterAssetCheckFailedError"
FULL_BYTES = 2**20
MAKE_ROOM = "the disk is full: make room, and run this again; what was finished before is kept"


def reason(error: SerializableErrorInfo | None) -> str:
    """The message meant for people; where there is none, the lowest cause's."""
    chain = list(_chain(error))
    if not chain:
        return "it ended without saying why"
    for link in chain:
        if _MEANT_FOR_PEOPLE.match(link.message):
            return _plain(link.message)
    words = _plain(chain[-1].message)
    return f"{words}: {MAKE_ROOM}" if any(is_of_a_full_disk(link.message) for link in chain) else words


def is_of_a_full_disk(message: str) -> bool:
    """Whether a library's message is that of a full disk; SQLite's names none, so the disk is looked at."""
    if "disk I/O error" in message and data_dir().is_dir():
        return shutil.disk_usage(data_dir()).free < FULL_BYTES
    return says_out_of_space(message)


def reason_of(event: DagsterEvent, evaluations: Iterable[DagsterEvent] = ()) -> str:
    """Why the step of a failure event failed.

    Args:
        evaluations: the run's events of asset checks. Of a check that blocks, Dagster's error has the name alone: what
            the check found is its description.
    """
    error = event.step_failure_data.error
    if any(link.cls_name == _CHECK_FAILED for link in _chain(error)):
        found = "\n".join(_found_by_blocking_checks(evaluations, event.step_key))
        if found:
            return found
    return reason(error)


def is_evaluation(event: DagsterEvent) -> bool:
    """Whether an event is what an asset check found."""
    return event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION


def _found_by_blocking_checks(evaluations: Iterable[DagsterEvent], step: str | None) -> Iterator[str]:
    for event in evaluations:
        check = event.asset_check_evaluation_data
        if check.passed or not check.blocking or check.severity is not AssetCheckSeverity.ERROR:
            continue
        if event.step_key == step:
            asset = check.asset_key.to_user_string()
            of_which = "" if asset == step else f" of {asset}"  # a step may make many assets
            yield f"check {check.check_name}{of_which} failed: {check.description or 'it says no more'}"


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause


def _plain(message: str) -> str:
    """Without the exception's class and blank lines."""
    words = _CLASS.sub("", message.strip())
    return "\n".join(" ".join(line.split()) for line in words.splitlines() if line.strip())
