"""The event log of one machine: Dagster's SQLite files, each opened once and not once an event.

Dagster's own class builds an SQLAlchemy engine, connects, waits for the disk and disconnects for every event, some
fifteen hundred times a refresh. Here a process keeps the connections to the files it used last, writes what belongs
together in one transaction, and makes the file of a run as a copy of an empty one. SQLite writes ahead without waiting
for the disk at each commit: a process that is killed loses nothing, and a power cut may lose the last events but never
the file's soundness (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import EventLogEntry, Field, StringSource
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    SqliteEventLogStorage,
)

from mmm_core.disk import is_full, is_out_of_space, out_of_space
from orchestration.reasons import SQLITE_FAULT

FILES_OPEN = 8
"""Files a process keeps open; each run has one, and there is one index."""


class EventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its connections; the files are the same, so either class reads them."""

    def __init__(self, base_dir: str, inst_data: Any = None):
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        self._open: dict[str, sa.Connection] = {}  # shards in a transaction of the thread that holds the lock
        self._tables: set[str] = set()
        self._watcher = SqlPollingEventWatcher(self)
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.RLock()

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: dict[str, str]) -> EventLog:
        """Where `base_dir` is not given, the folder of Dagster's default within DAGSTER_HOME."""
        default = os.path.join(os.environ.get("DAGSTER_HOME", ""), "history", "runs")
        return cls(config_value.get("base_dir", default), inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event to its run's file and to the index; where one of them fails, to neither."""
        with self.run_connection(event.run_id), self.index_connection():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write the events of a run in one go, or none of them."""
        with self.run_connection(events[0].run_id), self.index_connection():
            super().store_event_batch(events)

    def has_table(self, table_name: str) -> bool:
        """Dagster asks at every check; a table that was there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if shard in self._open:  # by this thread: part of what it writes
                yield self._open[shard]
                return
            with self._named_where_full(shard):
                engine = self._engine(shard)
                if shard not in self._initialized_dbs:
                    self._make(shard, engine)
                    self._initialized_dbs.add(shard)
                with engine.connect() as connection, connection.begin():
                    self._open[shard] = connection
                    try:
                        yield connection
                    finally:
                        del self._open[shard]

    @contextmanager
    def _named_where_full(self, shard: str) -> Iterator[None]:
        """Raises OutOfSpace, which names the file, where SQLite finds no room; its own message names none."""
        try:
            yield
        except (sa.exc.DBAPIError, OSError) as error:
            path = Path(self.path_for_shard(shard))
            if is_out_of_space(error) or (SQLITE_FAULT in str(error) and is_full(path.parent)):
                raise out_of_space(path) from error
            raise

    def _make(self, shard: str, engine: sa.Engine) -> None:
        """A file with Dagster's tables; of a run, and a new one, as a copy of an empty file."""
        path = Path(self.path_for_shard(shard))
        if shard == INDEX_SHARD_NAME or path.exists():
            self._initdb(engine)
            return
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(self._empty)
        with suppress(FileExistsError):  # another process was first
            os.link(partial, path)
        partial.unlink()

    @cached_property
    def _empty(self) -> bytes:
        """What the file of a run holds before its first event: it takes Dagster 0.4 s to make one."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "empty.db"
            engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
            self._initdb(engine)
            engine.dispose()
            return path.read_bytes()

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
