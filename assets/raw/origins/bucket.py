"""Objects of a bucket: each that is new or has changed is copied into the landing folder, its wanted columns alone.

The name of a landing file says which object it is a copy of, and of which of its forms, so that the landing folder
itself tells what has been copied. Its time of modification is the object's, so that of two exports the later counts.
"""

import hashlib
import os
import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from assets.raw.origins import secret
from assets.raw.origins.columns import asked_for, wanted
from assets.raw.origins.copied_text import cells_of, text_of
from assets.raw.origins.earlier_forms import FOLDER, earlier, mark_of, retire_lost
from assets.raw.origins.landed_rows import Landing, keeps_contract
from assets.raw.origins.origin import NotFetched, Origin, TableOrigin
from mmm_core.disk import is_out_of_space
from mmm_core.files import write_whole

if TYPE_CHECKING:
    import duckdb
    from pyarrow.fs import FileSystem

BATCH = 100_000
ANSWER_SECONDS = 60.0
"""How long a bucket has to answer; pyarrow itself asks ten times, and for ever where nothing tells the region."""


YOUNG_NS = 10 * 10**9
"""An object that was copied so soon after it was written is read once more by the next fetch: a bucket tells times in
whole seconds, and one that was written anew in the same second, in the same size, looks the same."""


@dataclass(frozen=True)
class Bucket:
    """A bucket, or a folder of one, that answers."""

    files: "FileSystem"
    folder: str


@dataclass(frozen=True)
class Object:
    """A file of a bucket.

    Attributes:
        key: its name inside the bucket's folder.
        copy: name of the landing file that holds this form of it.
        keys: columns that its folders state, as `day=2026-11-20` does.
    """

    path: str
    key: str
    copy: PurePosixPath
    modified_ns: int
    keys: dict[str, str]

    @property
    def name(self) -> str:
        """Without its folders."""
        return PurePosixPath(self.key).name


@contextmanager
def connected(origin: Origin) -> Iterator[Bucket]:
    """A bucket. Addresses are those of pyarrow: `s3://`, `gs://`, `abfs://`, `file://`.

    Raises:
        NotFetched: the address is wrong, or what is asked of it meanwhile fails; without a secret in the message.
    """
    import pyarrow as pa

    url = secret.address(origin)
    try:
        yield _answering(url, origin)
    except (OSError, pa.ArrowException) as error:
        if is_out_of_space(error):
            raise
        said = secret.without_secrets(" ".join(str(error).split()), url)
        raise NotFetched(
            f"bucket: {said}: look whether it is up and whether {origin.connection} is right (pyarrow's address of a "
            "bucket); the next fetch asks again"
        ) from None


def _answering(url: str, origin: Origin) -> Bucket:
    """The bucket of an address, once it has said something of its folder.

    Raises:
        NotFetched: it says nothing for `ANSWER_SECONDS`.
        OSError: what it says.
    """
    from pyarrow.fs import FileSystem

    answer: queue.SimpleQueue[Bucket | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            files, folder = FileSystem.from_uri(url)
            files.get_file_info(folder)
            answer.put(Bucket(files, folder.rstrip("/")))
        except Exception as error:  # whatever it is, the one who waits is told
            answer.put(error)

    threading.Thread(target=ask, name="bucket", daemon=True).start()
    try:
        found = answer.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        no_region = url.startswith("s3://") and "region=" not in url
        remedy = (
            f"write `region=` into {origin.connection}, which is asked for first; or " if no_region else ""
        )
        raise NotFetched(
            f"bucket: it has not answered for {ANSWER_SECONDS:g} s: {remedy}look whether it is up, whether this "
            f"machine reaches it and whether {origin.connection} is right (pyarrow's address of a bucket); the next "
            "fetch asks again"
        ) from None
    if isinstance(found, Exception):
        raise found
    return found


def copy_new(
    bucket: Bucket, table: TableOrigin, folder: Path, connection: "duckdb.DuckDBPyConnection", done: Landing
) -> None:
    """Copy the objects that are new or have changed, oldest first, and count what was done.

    Raises:
        NotFetched: there is no such object, one lacks a column or breaks the contract; those older than it have landed.
    """
    found = sorted(objects(bucket, table), key=lambda item: (item.modified_ns, item.key))
    if not found:
        raise NotFetched(
            f"{table.place}: no object of the bucket has such a name: correct `files:` in sources.yaml"
        )
    for item in found:
        target = folder / FOLDER / item.copy
        unfinished = mark_of(target)
        if not target.exists():
            if earlier(target, item.name):
                unfinished.touch()
            done.rows += _copied(bucket, table, item, target, connection)
            done.files += 1
            done.retired += retire_lost(connection, folder, table, target, item.name)
        elif unfinished.exists():
            done.retired += retire_lost(connection, folder, table, target, item.name)
        elif target.stat().st_ctime_ns - item.modified_ns < YOUNG_NS:
            before, at = target.read_bytes(), target.stat().st_mtime_ns
            rows = _copied(bucket, table, item, target, connection)
            if target.read_bytes() != before:
                at += 1000  # or the loader would take it for the file that it has read
                done.rows += rows
                done.files += 1
            os.utime(target, ns=(at, at))


def objects(bucket: Bucket, table: TableOrigin) -> Iterator[Object]:
    """The objects whose names a table's pattern matches, with what tells one form of an object from the next."""
    from fsspec.utils import glob_translate
    from pyarrow.fs import FileSelector

    from mmm_core.data.reader import readable

    matches = re.compile(glob_translate(table.place)).fullmatch
    names = {ours: ours for column in table.contract.columns for ours in (column.name, *column.also)}
    names |= {theirs: theirs for theirs in table.columns.values()}
    below = PurePosixPath(re.split(r"[*?[]", table.place)[0] + "-").parent  # every match lies here
    where = bucket.folder if str(below) == "." else f"{bucket.folder}/{below}"
    for info in bucket.files.get_file_info(FileSelector(where, recursive=True, allow_not_found=True)):
        path, key = info.path, info.path.removeprefix(f"{bucket.folder}/")
        if not (info.is_file and matches(key) and readable(path)):
            continue
        modified = (info.mtime_ns or 0) // 1000 * 1000
        stamp = time.strftime(
            "%Y%m%dT%H%M%SZ", time.gmtime(modified / 10**9)
        )  # exports in order of their names
        form = hashlib.sha256(f"{key} {modified} {info.size}".encode()).hexdigest()[:10]
        name = PurePosixPath(key)
        ending = ".parquet" if path.lower().endswith(".parquet") else ".csv"
        keys = dict(part.split("=", 1) for part in name.parts[:-1] if "=" in part)
        yield Object(
            path,
            key,
            name.with_name(f"{name.name}@{stamp}-{form}{ending}"),
            modified,
            {name: value for name, value in keys.items() if name in names},
        )


def _copied(
    bucket: Bucket, table: TableOrigin, item: Object, target: Path, connection: "duckdb.DuckDBPyConnection"
) -> int:
    """Copy the wanted columns of an object; returns its rows."""
    rows = 0

    def write(partial: Path) -> None:
        nonlocal rows
        if item.path.lower().endswith(".parquet"):
            rows = _copy_parquet(bucket, table, item, partial)
        else:
            rows = _copy_text(bucket, table, item, partial)
        keeps_contract(connection, partial, table.contract, item.key)
        if item.modified_ns:
            os.utime(partial, ns=(item.modified_ns, item.modified_ns))

    write_whole(target, write)
    return rows


def _copy_parquet(bucket: Bucket, table: TableOrigin, item: Object, partial: Path) -> int:
    import pyarrow as pa

    try:
        return _chosen(bucket, table, item, partial)
    except pa.ArrowInvalid as error:
        raise NotFetched(f"{item.key}: cannot be read as Parquet: {error}: write it again") from None


def _chosen(bucket: Bucket, table: TableOrigin, item: Object, partial: Path) -> int:
    """Copy the wanted columns of a Parquet object, a batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    from mmm_core.data.reader import named_twice

    with bucket.files.open_input_file(item.path) as stream, parquet.ParquetFile(stream) as source:
        if twice := named_twice(source.schema_arrow.names, asked_for(table)):
            raise NotFetched(f"{item.key}: {'; '.join(twice)}: write it with one of them")
        stated = {name: value for name, value in item.keys.items() if name not in source.schema_arrow.names}
        columns = wanted(table, [*source.schema_arrow.names, *stated], item.key)
        inside = [theirs for theirs in columns.values() if theirs not in stated]
        writer = None
        try:
            for batch in source.iter_batches(BATCH, columns=inside):
                table_of = pa.table(
                    {
                        ours: pa.repeat(stated[theirs], batch.num_rows)
                        if theirs in stated
                        else batch.column(theirs)
                        for ours, theirs in columns.items()
                    }
                )
                writer = writer or parquet.ParquetWriter(partial, table_of.schema, compression="zstd")
                writer.write_table(table_of)
        finally:
            if writer:
                writer.close()
        if writer is None:
            raise NotFetched(f"{item.key}: it has no rows: write it again, or take it out of the bucket")
        return source.metadata.num_rows


def _copy_text(bucket: Bucket, table: TableOrigin, item: Object, partial: Path) -> int:
    """Copy text as the careful reader reads it, so that no cell means another thing without the cells beside it."""
    with bucket.files.open_input_file(item.path) as stream:
        cells = cells_of(stream.read(), item.key, asked_for(table))
    for name, value in item.keys.items():
        if name not in cells:
            cells[name] = value
    columns = wanted(table, list(cells), item.key)
    chosen = cells[list(columns.values())].set_axis(list(columns), axis="columns")
    partial.write_text(text_of(chosen), encoding="utf-8")
    return len(chosen)
