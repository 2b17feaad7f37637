"""Reading an origin from `sources.yaml`: every key is checked before anything is asked of a warehouse."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assets.raw.connector import connector
from assets.raw.contract import Contract
from assets.raw.origins.origin import BUCKET, DATABASES, Incremental, Origin, TableOrigin
from mmm_core.errors import InputError, nearest

KINDS = (*DATABASES, BUCKET)
"""What `from:` may name beside the landing folder."""

KEYS = ("connection", "schema", "tables")
"""What a source that is fetched says beside its kind."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PART = re.compile(r"[^\s.;'\"`]+")


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Table(_Keys):
    table: str = ""
    files: str = ""
    columns: Mapping[str, str] = Field(default_factory=dict)
    incremental: Literal["", "partition", "cursor", "whole"] = ""
    cursor: str = ""
    lookback: int | None = Field(default=None, ge=0)
    since: dt.date | None = None


class _Origin(_Keys):
    kind: Literal[*KINDS] = Field(alias="from")  # type: ignore[valid-type]
    connection: str
    schema_: str = Field(default="", alias="schema")
    tables: Mapping[str, _Table] = Field(min_length=1)


def read_origin(source: str, keys: Mapping[str, Any], where: str) -> Origin:
    """The origin of a source.

    Args:
        where: the place of the keys, for messages.

    Raises:
        InputError: a key that is unknown, missing or wrong. What the keys hold is not shown: an address that was
            written where the name of a variable belongs has a secret in it.
    """
    tables = keys.get("tables")
    if isinstance(tables, list):  # names alone
        keys = {**keys, "tables": {str(name): {} for name in tables}}
    elif isinstance(tables, dict):
        keys = {**keys, "tables": {str(name): value or {} for name, value in tables.items()}}
    try:
        read = _Origin.model_validate(keys)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join([where, *map(str, fault['loc'])])}: {_said(fault)}" for fault in error.errors()
        )
        raise InputError(faults) from None
    if not _VARIABLE.fullmatch(read.connection):
        raise InputError(
            f"{where}.connection: name the environment variable that holds the address (WAREHOUSE_URL), never the "
            "address itself: this file holds no secret"
        )
    if "://" in read.schema_:
        raise InputError(f"{where}.schema: name the schema alone: an address belongs in the environment")
    contracts = {contract.table: contract for contract in connector(source).contracts}
    if unknown := [name for name in read.tables if name not in contracts]:
        raise InputError(f"{where}.tables.{unknown[0]}: no such table: {nearest(unknown[0], contracts)}")
    return Origin(
        source,
        read.kind,
        read.connection,
        {
            name: _table(f"{where}.tables.{name}", contracts[name], table, read)
            for name, table in read.tables.items()
        },
    )


def _said(fault: Mapping[str, Any]) -> str:
    """What is wrong with a key, and what to do."""
    keys, name = (_Table if len(fault["loc"]) > 1 else _Origin).model_fields, str(fault["loc"][-1])
    known = [field.alias or key for key, field in keys.items()]
    said = str(fault["msg"])
    return {
        "missing": "it is missing: write it",
        "extra_forbidden": f"no such key: {nearest(name, known)}",
    }.get(fault["type"], said[0].lower() + said[1:])


def _table(where: str, contract: Contract, table: _Table, read: _Origin) -> TableOrigin:
    names = [column.name for column in contract.columns]
    if unknown := [name for name in table.columns if name not in names]:
        raise InputError(
            f"{where}.columns.{unknown[0]}: {contract.folder} has no such column: {nearest(unknown[0], names)}"
        )
    rest = {"lookback": table.lookback, "since": str(table.since or "")}
    if read.kind == BUCKET:
        _only(where, table, "files", ("table", "incremental", "cursor", "lookback", "since"))
        return TableOrigin(contract, table.files, table.columns, "object")
    _only(where, table, "table", ("files",), asked=not read.schema_)
    place = table.table or f"{read.schema_}.{contract.table}"
    place = place if "." in place or not read.schema_ else f"{read.schema_}.{place}"
    if not all(_PART.fullmatch(part) for part in place.split(".")):
        raise InputError(f"{where}.table: write it as schema.table")
    incremental = _incremental(where, contract, table)
    return TableOrigin(contract, place, table.columns, incremental, table.cursor, **rest)


def _only(where: str, table: _Table, wanted: str, others: tuple[str, ...], asked: bool = True) -> None:
    if asked and not getattr(table, wanted):
        raise InputError(f"{where}: it needs `{wanted}:`")
    if given := [name for name in others if getattr(table, name) not in ("", None)]:
        raise InputError(f"{where}.{given[0]}: says nothing of a table that has `{wanted}:`: take it out")


def _incremental(where: str, contract: Contract, table: _Table) -> Incremental:
    """How a table is fetched: by day where its rows are of days, whole where not, unless the file says it."""
    way: Incremental = table.incremental or ("partition" if contract.period and not table.cursor else "whole")
    if table.cursor and not table.incremental:
        way = "cursor"
    if way == "cursor" and not table.cursor:
        raise InputError(f"{where}: `incremental: cursor` needs `cursor:`, a column that only grows")
    if way != "cursor" and table.cursor:
        raise InputError(f"{where}.cursor: `incremental: {way}` has no cursor: take one of the two out")
    if way == "partition" and not contract.period:
        raise InputError(
            f"{where}.incremental: rows of {contract.folder} are of no days: `whole`, or `cursor` with a column that "
            "only grows"
        )
    if way == "whole" and (table.lookback is not None or table.since):
        raise InputError(f"{where}: `lookback:` and `since:` say nothing of a table that is fetched whole")
    return way
