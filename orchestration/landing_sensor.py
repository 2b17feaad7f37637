"""The sensor of the landing folder: it compares what lies there with what the warehouse was last loaded from."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.raw import manifest
from assets.raw.assets import LEDGER, raw_key
from assets.raw.folder import Listing, scan
from assets.raw.ingest import ALL_CONTRACTS, reading_version
from mmm_core.errors import listed
from mmm_core.json_text import dumps
from orchestration.environments import SENSORS_RUNNING, environment, paths
from orchestration.jobs import ingest

RUNNING = dg.DefaultSensorStatus.RUNNING if SENSORS_RUNNING[environment()] else dg.DefaultSensorStatus.STOPPED
SHOWN = 6
"""Tables that a line names."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""How long a load that left no trace is waited for before it is asked for again; doubled with each try."""


@dg.sensor(
    job=ingest,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description=(
        "Loads the source tables whose landing files are not those the warehouse was last loaded from; the marts "
        "follow by themselves, and are built with the first load. A refused file is left alone until it changes; a "
        "load that failed is tried again, ever later."
    ),
)
def new_landing_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    listing = scan(paths().landing)
    tables, unread = not_loaded(listing), _newly_unread(listing)
    if not tables and not unread:
        context.update_cursor("")
        return dg.SkipReason(f"nothing new in {paths().landing}{_not_read(listing)}")
    now, asked = datetime.now(UTC), _Asked.read(context.cursor)
    found = _fingerprint(listing, tables, unread)
    if asked.fingerprint == found:
        if run := _unfinished(context.instance, asked.run_key):
            return dg.SkipReason(f"run {run} is at it: {listed(tables, SHOWN)}")
        if now < asked.again_after:
            return dg.SkipReason(
                f"the last load of {listed(tables, SHOWN)} failed: tried again after {asked.again_after:%H:%M:%S} UTC"
            )
    else:
        asked = _Asked(found, 0, "", now)
    asked = asked.once_more(now, tables)
    # The first time it is the whole job: nothing that the marts read is there yet, seeds and empty tables among it, and
    # they follow only what changes.
    is_first = bool(tables) and manifest.is_blank(paths().warehouse)
    selection = None if is_first else [*(raw_key(table) for table in tables), LEDGER]
    request = dg.RunRequest(run_key=asked.run_key, asset_selection=selection)
    return dg.SensorResult([request], cursor=asked.written())


class _Asked:
    """What was asked for last, and how often: the sensor's cursor."""

    def __init__(self, fingerprint: str, times: int, run_key: str, again_after: datetime):
        self.fingerprint, self.times, self.run_key, self.again_after = (
            fingerprint,
            times,
            run_key,
            again_after,
        )

    @classmethod
    def read(cls, cursor: str | None) -> "_Asked":
        try:
            found = json.loads(cursor or "")
            return cls(
                found["fingerprint"],
                int(found["times"]),
                found["run_key"],
                datetime.fromisoformat(found["again_after"]),
            )
        except (ValueError, KeyError, TypeError):  # none, or of another version of this sensor
            return cls("", 0, "", datetime.min.replace(tzinfo=UTC))

    def once_more(self, now: datetime, tables: list[str]) -> "_Asked":
        wait = min(FIRST_WAIT * 2 ** min(self.times, 10), LONGEST_WAIT)
        run_key = f"{now:%Y-%m-%dT%H:%M:%S} {self.fingerprint} {' '.join(tables)}"[:250]
        return _Asked(self.fingerprint, self.times + 1, run_key, now + wait)

    def written(self) -> str:
        return dumps({**vars(self), "again_after": self.again_after.isoformat()})


def not_loaded(listing: Listing) -> list[str]:
    """The tables whose landing files are not those that the warehouse was last loaded from."""
    versions = {name: reading_version(contract) for name, contract in ALL_CONTRACTS.items()}
    return manifest.out_of_date(paths().warehouse, listing, versions)


def _newly_unread(listing: Listing) -> list[str]:
    """Files nobody reads that the last load has not named yet."""
    return sorted(set(listing.not_read) - set(manifest.not_read(paths().warehouse)))


def _not_read(listing: Listing) -> str:
    return f"; not read: {', '.join(listing.not_read)}" if listing.not_read else ""


def _fingerprint(listing: Listing, tables: list[str], unread: list[str]) -> str:
    files = {
        table: [[file.name, *file.signature, file.fault] for file in listing.tables[table]]
        for table in tables
    }
    return hashlib.sha256(dumps([files, unread]).encode()).hexdigest()[:16]


def _unfinished(instance: dg.DagsterInstance, run_key: str) -> str | None:
    """The run that was asked for, if it goes on."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": run_key}), limit=1) if run_key else []
    return runs[0].run_id if runs and not runs[0].is_finished else None
