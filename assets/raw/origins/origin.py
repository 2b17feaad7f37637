"""Where the rows of a source are fetched from, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assets.raw.contract import Contract
from mmm_core.errors import InputError

Incremental = Literal["partition", "cursor", "whole", "object"]

DATABASES: Mapping[str, str] = {
    "postgres": "postgresql",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "databricks": "databricks",
}
"""Databases that `from:` may name, and SQLAlchemy's name for each."""

BUCKET = "bucket"
"""Files in object storage: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

LOOKBACK = 28
"""Days fetched again unless told otherwise: platforms attribute conversions to clicks of up to four weeks before."""

LATE_COMMITS = 1
"""Days fetched again by a cursor of moments: a transaction that began earlier may be committed later."""


class NotFetched(InputError):
    """A table that could not be fetched: nothing of what was asked for is in the landing folder."""


@dataclass(frozen=True)
class TableOrigin:
    """Where the rows of one table come from.

    Attributes:
        place: `schema.table` of a database; a pattern of object names (`meta/**/*.parquet`) of a bucket.
        columns: by the contract's name, the name there, where the two differ.
        incremental: `partition`: the days from the last landed one on, less the lookback, are compared with what has
            landed; `cursor`: rows whose cursor is not below the last one; `whole`: the table, every time; `object`:
            objects of a bucket that are new or have changed.
        cursor: column of the database that only grows, where `incremental` is `cursor`.
        lookback: days fetched again, for late and restated rows; None: as `incremental` has it.
        since: the first day that is fetched, ISO; "" for all there are.
    """

    contract: Contract
    place: str
    columns: Mapping[str, str] = field(default_factory=dict)
    incremental: Incremental = "whole"
    cursor: str = ""
    lookback: int | None = None
    since: str = ""

    @property
    def day(self) -> str:
        """The contract's column of the first day of a row; "" where rows are of no days."""
        return self.contract.period.start if self.contract.period else ""


@dataclass(frozen=True)
class Origin:
    """Where the rows of a source come from.

    Attributes:
        kind: a name of `DATABASES`, or `BUCKET`.
        connection: the environment variable that holds the address; addresses hold secrets and are in no file.
    """

    source: str
    kind: str
    connection: str
    tables: Mapping[str, TableOrigin]
