"""A plan from a file: a row a week of the horizon, or a week and geo, with what is planned in columns.

Columns are those of the weekly table, or named as the channels and controls are: spend of `tv` may stand under `tv` or
`tv_spend`. What the file leaves out comes again. Without a column of geos an amount is shared out as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from mmm_core.data.cells import DECIMAL_COMMAS, text_of
from mmm_core.data.contract import weeks_of
from mmm_core.data.table import as_numbers, by_name, week_column
from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.plural import plural
from mmm_core.scenarios.horizon import Horizon
from mmm_core.spec.media_spec import Channel
from mmm_core.spec.model_spec import ModelSpec

CURRENCY = "currency"


@dataclass(frozen=True)
class PlanFile:
    """What a file says of the planned weeks; values (week,) of all geos together, or (geo, week).

    Attributes:
        spend: by paid channel. media: exposure or reach, by channel. frequency: by channel.
        controls: by control or treatment.
        worth: revenue of a unit of the KPI; None where the file does not say.
        currency: that it states, "" where it states none.
        unread: columns that nothing reads.
    """

    source: str
    spend: dict[str, np.ndarray]
    media: dict[str, np.ndarray]
    frequency: dict[str, np.ndarray]
    controls: dict[str, np.ndarray]
    worth: np.ndarray | None
    currency: str
    unread: tuple[str, ...]

    @property
    def channels(self) -> set[str]:
        """Those that it plans."""
        return set(self.spend) | set(self.media) | set(self.frequency)


def read_plan_file(
    table: pd.DataFrame, spec: ModelSpec, geos: Sequence[str], horizon: Horizon, source: str
) -> PlanFile:
    """Hold a file against the model and the horizon.

    Raises:
        InputError: a week missing, twice or outside of the horizon, an unknown or missing geo, a misspelt column, one
            that is there under two names, text, or a negative or missing number.
    """
    rows, by_geo = _sorted(by_name(table, source).copy(), spec, geos, horizon, source)
    roles = _roles(spec)
    found: dict[tuple[str, str], str] = {}
    unread = []
    for column in map(str, rows.columns):
        if column in (spec.time.column, CURRENCY, "_geo") or (spec.geo and column == spec.geo.column):
            continue
        role = roles.get(column)
        if role is None:
            if meant := get_close_matches(column, list(roles), n=1, cutoff=0.8):
                raise InputError(
                    f"{source}: column {column} is nothing that {spec.model} can plan: did you mean '{meant[0]}'?"
                )
            unread.append(column)
            continue
        if role in found:
            raise InputError(f"{source}: columns {found[role]} and {column} both plan {role[1]}: keep one")
        found[role] = column
    if not found:
        raise InputError(
            f"{source}: no column plans anything: name channels or controls: {listed(_names(spec), 20)}"
        )
    parts: dict[str, dict[str, np.ndarray]] = {
        name: {} for name in ("spend", "media", "frequency", "control", "worth")
    }
    for (part, name), column in found.items():
        values = _numbers(rows, column, spec, source)
        if part != "control" and (values < 0).any():
            raise InputError(
                f"{source}: column {column}: negative in weeks {weeks_of(rows[values < 0], spec)}: the least is 0"
            )
        parts[part][name] = values.reshape(len(geos), -1) if by_geo else values
    return PlanFile(
        source,
        parts["spend"],
        parts["media"],
        parts["frequency"],
        parts["control"],
        parts["worth"].get(""),
        _currency(rows, source),
        tuple(unread),
    )


def _roles(spec: ModelSpec) -> dict[str, tuple[str, str]]:
    """(part, name) of every column that a plan may have; names of the model's own come before those of columns."""
    roles: dict[str, tuple[str, str]] = {}
    if spec.kpi.revenue_per_unit:
        roles[spec.kpi.revenue_per_unit] = "worth", ""
    for name, treatment in spec.treatments.items():
        roles[treatment.column] = roles[name] = "control", name
    for control in spec.controls:
        roles[control] = "control", control
    for name, channel in zip(spec.channels, spec.channel_specs, strict=True):
        if channel.frequency:
            roles[channel.frequency] = "frequency", name
        roles[channel.media_column] = "media", name
        if isinstance(channel, Channel):
            roles[channel.spend] = "spend", name
        roles[name] = ("spend" if isinstance(channel, Channel) else "media"), name
    return roles


def _names(spec: ModelSpec) -> list[str]:
    return [*spec.channels, *spec.controls, *spec.treatments]


def _sorted(
    rows: pd.DataFrame, spec: ModelSpec, geos: Sequence[str], horizon: Horizon, source: str
) -> tuple[pd.DataFrame, bool]:
    """The rows by geo and week, and whether geos are told apart."""
    time = spec.time.column
    if time not in rows.columns:
        raise InputError(f"{source}: column {time} is missing: name the weeks {horizon.words}, YYYY-MM-DD")
    if rows.empty:
        raise InputError(f"{source}: it has no rows: write one for each of the weeks {horizon.words}")
    rows[time] = week_column(rows, spec, source)
    by_geo = spec.geo is not None and spec.geo.column in rows.columns
    rows["_geo"] = text_of(rows[spec.geo.column]) if by_geo and spec.geo else ""
    weeks = horizon.planned
    strange = sorted(set(rows[time]) - set(weeks))
    if strange:
        raise InputError(
            f"{source}: weeks {_dates(strange)} are outside of the horizon, whose weeks are {horizon.words}, a "
            f"{weeks[0].day_name()} each: take them out, or change `scenarios: weeks`"
        )
    for geo in dict.fromkeys(rows["_geo"]):
        if by_geo and geo not in geos:
            raise InputError(f"{source}: unknown geo {shown(geo)}: {nearest(geo, geos)}")
        held = rows.loc[rows["_geo"] == geo, time]
        of_geo = f" of geo {geo}" if by_geo else ""
        if held.duplicated().any():
            raise InputError(
                f"{source}: weeks {_dates(held[held.duplicated()])}{of_geo} are there twice: keep one row of each"
            )
        if absent := sorted(set(weeks) - set(held)):
            raise InputError(
                f"{source}: weeks {_dates(absent)}{of_geo} are missing: a plan has a row for each of the "
                f"{plural(horizon.weeks, 'week')} {horizon.words}"
            )
    if by_geo and (left := [geo for geo in geos if geo not in set(rows["_geo"])]):
        raise InputError(
            f"{source}: geos left out: {listed(left)}: write their rows, or take the column "
            f"{spec.geo.column if spec.geo else ''} out to share amounts over geos as they were"
        )
    rows["_geo"] = pd.Categorical(rows["_geo"], list(geos) if by_geo else [""])
    return rows.sort_values(["_geo", time]), by_geo


def _numbers(rows: pd.DataFrame, column: str, spec: ModelSpec, source: str) -> np.ndarray:
    numbers = as_numbers(rows, column, spec, source, bool(rows.attrs.get(DECIMAL_COMMAS, False)))
    unusable = ~np.isfinite(numbers)
    if unusable.any():
        raise InputError(
            f"{source}: column {column}: a number is missing in weeks {weeks_of(rows[unusable], spec)}: write one for "
            "every week, or take the column out"
        )
    return numbers.to_numpy()


def _currency(rows: pd.DataFrame, source: str) -> str:
    if CURRENCY not in rows.columns:
        return ""
    stated = sorted(set(text_of(rows[CURRENCY])) - {""})
    if len(stated) > 1:
        raise InputError(f"{source}: column {CURRENCY} states {listed(stated)}: a plan has one")
    return stated[0] if stated else ""


def _dates(weeks: Iterable[pd.Timestamp]) -> str:
    return listed([pd.Timestamp(week).date() for week in weeks])
