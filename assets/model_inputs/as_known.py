"""The table of a vintage as it was known then, and the marts that the other steps of the vintage read.

The last week that has landed is read from the marts as they are. A past week is read from the exports that were known
by the end of the week in which it was refreshed (`assets.marts.known_exports`): a backfill sees what its week saw, no
figure that was restated since, and the rows that were deleted since.
"""

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from assets.marts.data_until import data_until
from assets.marts.known_exports import KnownExports, known_by, known_exports, of_every_file
from assets.marts.marts_then import marts_then
from assets.model_inputs.mart import has_later_weeks, read_mart
from assets.model_inputs.what_is_read import reads
from assets.models import Vintage
from assets.resources.stores import Damaged, VintageStore
from assets.resources.vintage_origin import VintageOrigin
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec


def marts_of(warehouse: Warehouse, vintages: VintageStore, vintage: Vintage) -> Warehouse:
    """The marts that belong to the frozen table of a vintage.

    Raises:
        FileNotFoundError: no table was frozen.
    """
    origin = vintages.origin(vintage, vintages.current(vintage))
    if origin is None or not origin.as_then:
        return warehouse
    return marts_then(warehouse, _known(warehouse, vintage, is_past=True))


def table_as_known(
    warehouse: Warehouse,
    vintages: VintageStore,
    spec: "ModelSpec",
    vintage: Vintage,
    as_known_today: bool = False,
) -> "tuple[pd.DataFrame, VintageOrigin]":
    """The rows of a vintage and where they come from.

    Of a past week that the exports can no longer tell, the table that was frozen in its own time is kept, if there is
    one; otherwise the rows are those of today, and the origin says so.

    Args:
        as_known_today: take the rows of today for a past week too.

    Raises:
        InputError: as `read_mart`.
    """
    is_past = not as_known_today and has_later_weeks(warehouse, spec, vintage)
    known = _known(warehouse, vintage, is_past)
    read = _known(warehouse, vintage, is_past, reads(spec).file)
    words = read.words
    if as_known_today and not read.known_then:
        words = (
            f"the data are those known today, as was asked for, not those known by {known.known_by:%Y-%m-%d}"
        )
    today, until = read_mart(warehouse, spec, vintage), _data_until(warehouse)
    if not is_past or (known.are_of_today and read.known_then):
        return today, _origin(read, words, is_past, until)
    if not read.known_then and (kept := _frozen_then(vintages, spec, vintage)):
        return kept
    if known.are_of_today:
        return today, _origin(read, words, True, until)
    then = read_mart(marts_then(warehouse, known), spec, vintage)
    last_then, last_now = (_last(table, spec) for table in (then, today))
    if last_then < last_now:
        late = f"the data known by {known.known_by:%Y-%m-%d} end with the week of {last_then}: those of today are taken"
        return today, VintageOrigin(
            False, f"{known.known_by:%Y-%m-%d}", as_then=False, words=late, data_until=until
        )
    return then, _origin(read, words, True, _data_until(warehouse, before=known.known_by))


def _known(
    warehouse: Warehouse,
    vintage: Vintage,
    is_past: bool,
    asked: Callable[[str, str], bool] = of_every_file,
) -> KnownExports:
    with warehouse.connect(read_only=True) as connection:
        return known_exports(connection, vintage.week, is_past, asked)


def _data_until(warehouse: Warehouse, before: datetime | None = None) -> str:
    with warehouse.connect(read_only=True) as connection:
        return data_until(connection, before)


def _origin(known: KnownExports, words: str, as_then: bool, until: str) -> VintageOrigin:
    return VintageOrigin(known.known_then, f"{known.known_by:%Y-%m-%d}", as_then, words, known.key, until)


def _frozen_then(
    vintages: VintageStore, spec: "ModelSpec", vintage: Vintage
) -> "tuple[pd.DataFrame, VintageOrigin] | None":
    """The table that was frozen when everything in it was known, if it has the columns that the YAML names now."""
    import pandas as pd

    try:
        version = vintages.current(vintage)
        origin = vintages.origin(vintage, version)
        if origin is None or not origin.known_then:
            return None
        table = pd.read_parquet(vintages.checked(vintage, version))
    except (FileNotFoundError, Damaged):
        return None
    if not set(spec.columns) <= set(table.columns):
        return None
    words = f"the data are those known by {known_by(vintage.week):%Y-%m-%d}, as they were frozen then"
    return table, dataclasses.replace(origin, as_then=True, words=words)


def _last(table: "pd.DataFrame", spec: "ModelSpec") -> date:
    return table[spec.time.column].max().date()
