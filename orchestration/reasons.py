"""Why a step failed, in the words meant for a person: for the terminal and for alerts."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagster import AssetCheckSeverity, DagsterEvent, DagsterEventType
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.error import SerializableErrorInfo

from assets.resources.settings import data_dir
from assets.resources.tracking import TrackingAway
from assets.resources.warehouse import LOCKED, WarehouseLocked
from mmm_core.disk import is_full, says_out_of_space
from orchestration.environments import paths

# Whoever defined or raised these said what is wrong and what to do: the causes below them are for the log.
_MEANT_FOR_PEOPLE = re.compile(r"^(?:(?:mmm_core|assets|orchestration)(?:\.\w+)+|[\w.]+\.events\.Failure): ")
_CLASS = re.compile(r"^[A-Za-z_][\w.]*: ")
_DRIVER = re.compile(r"^\([a-z_]\w*(?:\.\w+)+\) ")  # the exception below SQLAlchemy's
# What is over when somebody closes the file, starts the server, or the machine is up again.
_PASSING = {WarehouseLocked.__name__, TrackingAway.__name__, DagsterExecutionInterruptedError.__name__}
SQLITE_FAULT = "disk I/O error"
_DENIED = re.compile(r"\[Errno 13\] Permission denied: '(.+?)'")
_CHECK_FAILED = "DagsterAssetCheckFailedError"
MAKE_ROOM = "make room there, and run this again; what was finished before is kept"


def reason(error: SerializableErrorInfo | None) -> str:
    """The message meant for people; where there is none, the lowest cause's."""
    chain = list(_chain(error))
    if not chain:
        return "it ended without saying why"
    for link in chain:
        if _MEANT_FOR_PEOPLE.match(link.message):
            return _plain(link.message)
    words = _plain(chain[-1].message)
    if denied := of_no_permission(words):
        return denied
    return with_no_room(words) if any(is_of_a_full_disk(link.message) for link in chain) else words


def of_no_permission(words: str) -> str:
    """Whose a file or folder should be that Python may not open; "" where the words are of something else."""
    if denied := _DENIED.search(words):
        return (
            f"{denied[1]} may not be read or written by this user: give it and its folder to whoever runs the "
            "platform, or name another data folder in MMM_DATA_DIR"
        )
    return ""


def is_of_a_full_disk(message: str) -> bool:
    """Whether a library's message is that of a full disk; SQLite's may be of any fault, so the disks are looked at."""
    if SQLITE_FAULT in message:
        return bool(full_folders())
    return says_out_of_space(message)


def full_folders() -> list[Path]:
    """The folders the platform writes to whose disks are full."""
    return [folder for folder in _written() if is_full(folder)]


def is_passing(error: SerializableErrorInfo | None) -> bool:
    """Whether what made a step fail may be over by now, so that the same step may come out well.

    The warehouse was locked, MLflow did not answer, the process was told to end; or a disk was full, once none is. A
    step that ended without an error ended with its process.
    """
    chain = list(_chain(error))
    return not chain or any(
        link.cls_name in _PASSING
        or LOCKED in link.message
        or (is_of_a_full_disk(link.message) and not full_folders())
        for link in chain
    )


def with_no_room(words: str) -> str:
    """A message that names no file, with where there is no room and what to do.

    Its first line alone may be shown, which ends with a colon where others followed: it has one.
    """
    return f"{words.rstrip(' :')}: {no_room()}"


def no_room() -> str:
    """Where there is no room, and what to do."""
    if full := full_folders():
        return f"the disk that holds {' and '.join(map(str, full))} is full: {MAKE_ROOM}"
    places = " or ".join(map(str, _written()))
    return f"a disk is full, or a quota or a limit on file sizes is reached, in {places}: {MAKE_ROOM}"


def _written() -> list[Path]:
    """Data, Dagster's history, and what is temporary."""
    home = Path(os.environ.get("DAGSTER_HOME", paths().dagster_home))
    return list(dict.fromkeys([data_dir(), home, Path(tempfile.gettempdir())]))


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
    words = _DRIVER.sub("", _CLASS.sub("", message.strip()))
    return "\n".join(" ".join(line.split()) for line in words.splitlines() if line.strip())
