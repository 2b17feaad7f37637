"""The event log of one machine: Dagster's SQLite files, each opened once and not once an event.

Dagster's own class builds an SQLAlchemy engine, connects, waits for the disk and disconnects for every event, some
fifteen hundred times a refresh. Here a process keeps the connections to the files it used last, and SQLite writes ahead
without waiting for the disk at each commit: a process that is killed loses nothing, and a power cut may lose the last
events but never the file's soundness (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from dagster import Field, StringSource
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)

FILES_OPEN = 8
"""Files a process keeps open; each run has one, and there is one index."""


class EventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its connections; the files are the same, so either class reads them."""

    def __init__(self, base_dir: str, inst_data: Any = None):
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        self._watcher = SqlPollingEventWatcher(self)
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: dict[str, str]) -> EventLog:
        """Where `base_dir` is not given, the folder of Dagster's default within DAGSTER_HOME."""
        default = os.path.join(os.environ.get("DAGSTER_HOME", ""), "history", "runs")
        return cls(config_value.get("base_dir", default), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        """The engine of a file, the one used least recently closed in its place."""
        if shard not in self._engines or not os.path.exists(self.path_for_shard(shard)):
            self._close(shard)  # a file that was deleted is made again, not written to unseen
            self._initialized_dbs.discard(shard)
            self._engines[shard] = new_engine(self.conn_string_for_shard(shard))
            while len(self._engines) > FILES_OPEN:
                self._close(next(iter(self._engines)))
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def _close(self, shard: str) -> None:
        if shard in self._engines:
            self._engines.pop(shard).dispose()

    def watch(self, run_id: str, cursor: str | None, callback: Any) -> None:
        """Dagster watches the file itself, which changes only now and then while its connection stays open."""
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Any) -> None:
        self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        self._watcher.close()
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)
        super().dispose()


def new_engine(address: str) -> sa.Engine:
    """One connection, handed from thread to thread: `_connect` holds a lock around each use."""
    engine = sa.create_engine(
        address,
        poolclass=sa.pool.QueuePool,
        pool_size=1,
        max_overflow=-1,  # for a moment, while a new file gets its tables
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def no_wait_for_the_disk(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
