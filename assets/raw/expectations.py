"""What is expected of the rows of a raw table beyond its contract: suites of Great Expectations, as files to edit.

`expectations.yaml` beside a connector's contract lists them by table, in Great Expectations' own names and arguments:

    campaign_stats:
      - type: expect_column_values_to_be_between
        kwargs: {column: date, max_value: {$PARAMETER: tomorrow}}
        severity: critical
        description: No day is in the future.

`assets.raw.validation` runs them. They are run on all rows, batch by batch, so each must be of single rows.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from assets.raw.connector import FOLDER
from assets.raw.contract import Contract
from mmm_core.errors import InputError, listed, nearest
from mmm_core.spec.yaml_file import read_yaml

FILE = "expectations.yaml"

SEVERITIES = ("critical", "warning", "info")
"""A failed critical one stops the marts, a warning is told, and so is an info, which fails no check."""

OF_SINGLE_ROWS = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_null",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_match_regex",
    "expect_column_value_lengths_to_be_between",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_to_be_in_set",
    "expect_multicolumn_sum_to_equal",
    "expect_select_column_values_to_be_unique_within_record",
)
"""Expectations that can be asked of a part of a table and added up: what one row is does not depend on others."""

PARAMETERS = ("tomorrow",)
"""What a suite may leave to the day on which it is asked."""

_KEYS = ("type", "kwargs", "severity", "description")


@dataclass(frozen=True)
class Suite:
    """The expectations of a raw table.

    Attributes:
        expectations: as Great Expectations takes them: type, kwargs, severity, description.
        columns: the columns that they name.
        digest: changes with any of it.
        place: the file and the table in it.
    """

    contract: Contract
    expectations: tuple[dict[str, Any], ...]
    columns: tuple[str, ...]
    digest: str
    place: str = ""


@cache
def suite_of(contract: Contract) -> Suite | None:
    """The suite of a raw table; None where its connector has none.

    Raises:
        InputError: the file is no list of expectations, or names what is not there.
    """
    path = FOLDER / contract.source / FILE
    if not path.is_file():
        return None
    return read_suite(contract, read_yaml(path, "expectations"), path)


def read_suite(contract: Contract, keys: Any, path: Path) -> Suite | None:
    """The suite of a table from the keys of a YAML.

    Raises:
        InputError: naming the expectation at fault.
    """
    if not isinstance(keys, dict) or not all(isinstance(listed_, list) for listed_ in keys.values()):
        raise InputError(f"{path}: it must list expectations under the name of each table")
    tables = _tables(contract, path)
    if unknown := [table for table in keys if table not in tables]:
        raise InputError(f"{path}: {unknown[0]}: no such table: {nearest(str(unknown[0]), tables)}")
    listed_here = keys.get(contract.table, [])
    if not listed_here:
        return None
    names = [column.name for column in contract.columns]
    columns: list[str] = []
    for number, expectation in enumerate(listed_here, start=1):
        columns += _columns(expectation, names, f"{path}: {contract.table}: expectation {number}")
    digest = hashlib.sha256(repr(listed_here).encode()).hexdigest()[:16]
    return Suite(
        contract, tuple(listed_here), tuple(dict.fromkeys(columns)), digest, f"{path}: {contract.table}"
    )


def _tables(contract: Contract, path: Path) -> list[str]:
    from assets.raw.connector import connector

    return (
        [other.table for other in connector(contract.source).contracts]
        if path.parent.is_dir()
        else [contract.table]
    )


def _columns(expectation: Any, names: list[str], where: str) -> list[str]:
    """The columns that an expectation names."""
    if not isinstance(expectation, dict) or not {"type", "kwargs", "description"} <= set(expectation):
        raise InputError(f"{where}: it must have `type:`, `kwargs:` and `description:`")
    if unknown := [key for key in expectation if key not in _KEYS]:
        raise InputError(f"{where}: {unknown[0]}: no such key: {nearest(str(unknown[0]), _KEYS)}")
    kind, kwargs = expectation["type"], expectation["kwargs"]
    if kind not in OF_SINGLE_ROWS:
        raise InputError(
            f"{where}: {kind} is none of single rows, which are asked batch by batch: "
            f"{nearest(str(kind), OF_SINGLE_ROWS)}"
        )
    severity = expectation.get("severity", "critical")
    if severity not in SEVERITIES:
        raise InputError(f"{where}: severity {severity!r} is none of: {listed(SEVERITIES)}")
    if not isinstance(kwargs, dict):
        raise InputError(f"{where}: kwargs must be keys")
    for value in kwargs.values():
        asked = str(value.get("$PARAMETER")) if isinstance(value, dict) else ""
        if asked and not asked.startswith(PARAMETERS):  # + timedelta(days=7) may follow
            raise InputError(f"{where}: $PARAMETER: {asked}: it begins with none of: {listed(PARAMETERS)}")
    columns = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    if not isinstance(several := kwargs.get("column_list", []), list):
        raise InputError(f"{where}: column_list: {several!r}: write a list of columns")
    columns += several
    columns += _of_condition(str(kwargs.get("row_condition") or ""), names, where)
    if unknown := [column for column in columns if column not in names]:
        raise InputError(f"{where}: there is no column {unknown[0]}: {nearest(str(unknown[0]), names)}")
    if not columns:
        raise InputError(f"{where}: it names no column")
    return columns


def _of_condition(condition: str, names: list[str], where: str) -> list[str]:
    """The columns of the condition on which rows are asked."""
    named = [name for name in names if re.search(rf"\b{re.escape(name)}\b", condition)]
    if condition and not named:
        raise InputError(f"{where}: row_condition {condition!r} names no column: known: {listed(names)}")
    return named
