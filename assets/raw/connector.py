"""A connector: what one source exports.

Its folder holds `connector.yaml` with the contract of every table, and a template to fill in each; its staging models
lie in `dbt_project/models/staging/<source>/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assets.raw.contract import Column, Contract, OverDays, Period, Silence
from assets.raw.kinds import KINDS, LARGEST_AMOUNT
from mmm_core.data.currencies import CURRENCIES
from mmm_core.errors import InputError, nearest
from mmm_core.spec.faults import explained

FOLDER = Path(__file__).parent / "connectors"
FILE = "connector.yaml"


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Column(_Keys):
    kind: Literal[*KINDS]  # type: ignore[valid-type]
    about: str
    optional: bool = False
    required: bool = True
    also: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    blank: str = ""
    fills_from: str = ""
    over_days: OverDays = "same"

    def of(self, name: str) -> Column:
        """The column of a contract. What the YAML does not say is as the kind has it."""
        stated = {key: getattr(self, key) for key in self.model_fields_set - {"kind", "optional"}}
        if self.optional:
            stated |= {"required": False, "may_lack": True}
        # what may be negative has an end there too
        if self.kind == "amount" and stated.get("minimum", 0.0) is None:
            stated["minimum"] = -float(LARGEST_AMOUNT)
        if self.kind == "currency":
            stated.setdefault("allowed", CURRENCIES)
        return Column(name, **{**KINDS[self.kind], **stated})


class _Period(_Keys):
    start: str
    stop: str = ""
    days: int = 1
    spread: bool = True


class _Table(_Keys):
    about: str
    grain: tuple[str, ...]
    columns: Mapping[str, _Column]
    period: _Period | None = None
    amount: str = ""
    per_unit: int = Field(default=1, gt=0)
    gives: Literal["", "media", "kpi", "controls"] = ""
    zoned: bool = False


class _Connector(_Keys):
    title: str
    silence: Silence = "unknown"
    tables: Mapping[str, _Table] = Field(min_length=1)


@dataclass(frozen=True)
class Connector:
    """A source and the contracts of its tables.

    Attributes:
        source: its name: of its folder, of the landing folder, of its dbt staging folder.
        title: its name for people.
        silence: what weeks without rows of its media mean, unless `sources.yaml` says another.
    """

    source: str
    title: str
    contracts: tuple[Contract, ...]
    silence: Silence = "unknown"

    @property
    def folder(self) -> Path:
        return FOLDER / self.source


def known_connectors() -> list[str]:
    """Names of all connectors, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


@cache
def connector(source: str) -> Connector:
    """The connector of a source.

    Raises:
        InputError: there is none of that name, or its YAML is no connector; with the key at fault.
    """
    path = FOLDER / source / FILE
    if not path.is_file():
        raise InputError(
            f"source '{source}': there is no such connector: {nearest(source, known_connectors())}"
        )
    return read_connector(source, yaml.load(path.read_bytes(), yaml.CSafeLoader))


def read_connector(source: str, keys: Any) -> Connector:
    """A connector from the keys of its YAML.

    Raises:
        InputError: a key that is unknown, missing or wrong, or a column that is named and not there.
    """
    try:
        read = _Connector.model_validate(keys)
    except ValidationError as error:
        raise InputError(f"connector {source}: {'; '.join(explained(error, _Connector, {}))}") from None
    contracts = tuple(_contract(source, read, name) for name in read.tables)
    return Connector(source, read.title, contracts, read.silence)


def _bounded(amount: Column, table: _Table) -> Column:
    """The column of what a row cost or brought, with the largest amount that the marts hold."""
    largest = float(LARGEST_AMOUNT * table.per_unit)
    return amount if amount.maximum else replace(amount, maximum=largest)


def _contract(source: str, read: _Connector, name: str) -> Contract:
    table = read.tables[name]
    period = Period(**table.period.model_dump()) if table.period else None
    named = [*table.grain, table.amount, *(column.fills_from for column in table.columns.values())]
    named += [period.start, period.stop] if period else []
    if unknown := [column for column in named if column and column not in table.columns]:
        raise InputError(
            f"connector {source}: table {name} has no column {unknown[0]}: {nearest(unknown[0], table.columns)}"
        )
    columns = tuple(
        _bounded(column.of(column_name), table) if column_name == table.amount else column.of(column_name)
        for column_name, column in table.columns.items()
    )
    if wrong := [
        column.name for column in columns if column.blank and (column.required or column.kind != "text")
    ]:
        raise InputError(
            f"connector {source}: table {name}: column {wrong[0]} has `blank`, which is for texts that are `optional`"
        )
    about = f"{read.title}: {table.about}"
    return Contract(
        source,
        name,
        about,
        table.grain,
        columns,
        period,
        table.amount,
        table.per_unit,
        table.gives,
        table.zoned,
    )
