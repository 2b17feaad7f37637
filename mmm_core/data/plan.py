"""A plan of weeks to come as the arrays that a fitted model goes on with: media, design, and what it left open."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.arrays import NATIONAL
from mmm_core.data.calendar import dated_values
from mmm_core.data.cells import DECIMAL_COMMAS, names_alike, places, text_of
from mmm_core.data.contract import weeks_of
from mmm_core.data.table import as_numbers, by_name, week_column
from mmm_core.data.weeks import not_weekly
from mmm_core.errors import InputError, listed, shown
from mmm_core.names import alike
from mmm_core.spec.media_spec import Channel
from mmm_core.spec.model_spec import ModelSpec

# What a plan leaves out (prices of impressions, frequencies, controls) is taken from this many last weeks.
RECENT_WEEKS = 13


@dataclass(frozen=True)
class Plan:
    """The weeks of a plan, in the form of `mmm_core.data.arrays.model_data`."""

    weeks: pd.DatetimeIndex
    exposure: (
        np.ndarray
    )  # (geo, week, channel) in the table's units; reach, of a channel with reach and frequency
    frequency: np.ndarray | None  # (geo, week, channel), nan for a channel without; None where none has one
    design: np.ndarray  # (geo, week, term), standardised as the fitted one
    assumed: tuple[str, ...]  # what the plan left open, in words


def read_plan(plan: pd.DataFrame, spec: ModelSpec, data: xr.Dataset, source: str = "plan") -> Plan:
    """Hold a plan against the model and turn it into arrays; `data` are those the model was fitted on.

    Args:
        source: what messages call the plan: its file, where it came from one.

    Raises:
        InputError: a week missing, repeated or before the end of the fitted weeks, an unknown or missing geo, a
            missing media column, a misspelt one, text, or a negative or missing number.
    """
    assumed: list[str] = []
    rows, weeks = _plan_rows(plan, spec, data, source)
    _refuse_misspelt(rows, spec, source)
    exposure, frequency = _planned_media(rows, spec, data, weeks, assumed, source)
    design = _planned_design(rows, spec, data, weeks, assumed, source)
    return Plan(weeks, exposure, frequency, design, tuple(assumed))


def _plan_rows(
    plan: pd.DataFrame, spec: ModelSpec, data: xr.Dataset, source: str
) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """The plan sorted by geo and week, held against the model's calendar and geos."""
    time = spec.time.column
    rows = by_name(plan, source).copy()
    if time not in rows.columns:
        day = "last" if spec.time.marks == "end" else "first"
        raise InputError(
            f"{source}: column {time} is missing: add the {day} day of each week, written YYYY-MM-DD"
        )
    if rows.empty:
        raise InputError(f"{source}: it has no rows: write one for every week to forecast")
    rows[time] = week_column(rows, spec, source)
    geos = [str(geo) for geo in data["geo"].to_numpy()]
    if spec.geo:
        if spec.geo.column not in rows.columns:
            raise InputError(
                f"{source}: column {spec.geo.column} is missing: {spec.model} is a model of {len(geos)} geos"
            )
        rows["_geo"] = text_of(rows[spec.geo.column])
    else:
        rows["_geo"] = NATIONAL
    if twins := names_alike(rows["_geo"].rename(spec.geo.column if spec.geo else "_geo")):
        raise InputError(f"{source}: {twins}")
    of_model = {alike(geo): geo for geo in geos}
    for geo in dict.fromkeys(rows["_geo"]):
        if geo not in geos and (meant := of_model.get(alike(geo))):
            raise InputError(
                f"{source}: geo {shown(geo)} {places(rows['_geo'][rows['_geo'] == geo])} is the model's {shown(meant)} "
                "but for capitals or blanks: write it as the model has it"
            )
    strange, absent = set(rows["_geo"]) - set(geos), set(geos) - set(rows["_geo"])
    if strange or absent:
        raise InputError(
            f"{source}: geos unknown to the model: {listed(sorted(strange)) or 'none'}; "
            f"geos left out: {listed(sorted(absent)) or 'none'}"
        )
    weeks = pd.DatetimeIndex(np.sort(rows[time].unique()))
    if fault := not_weekly(weeks, time, spec.time.marks):
        raise InputError(f"{source}: {fault}")
    first = pd.Timestamp(data["week"].to_numpy()[-1]) + pd.Timedelta(days=7)
    expected = pd.date_range(first, periods=len(weeks), freq="7D")
    if not weeks.equals(expected):
        raise InputError(
            f"{source}: its weeks must follow the fitted ones: expected {first.date()} to {expected[-1].date()}, "
            f"got {weeks[0].date()} to {weeks[-1].date()}"
        )
    if rows.duplicated(["_geo", time]).any() or len(rows) != len(geos) * len(weeks):
        raise InputError(f"{source}: expected one row for every week and geo")
    rows["_geo"] = pd.Categorical(rows["_geo"], geos)
    return rows.sort_values(["_geo", time]), weeks


def _refuse_misspelt(rows: pd.DataFrame, spec: ModelSpec, source: str) -> None:
    """Refuse a column that looks like one that the plan leaves out; others of a weekly table may be there."""
    left_out = [column for column in spec.columns if column not in rows.columns]
    for column in (str(column) for column in rows.columns if column not in spec.columns):
        meant = get_close_matches(column, left_out, n=1, cutoff=0.8)
        if meant:
            raise InputError(
                f"{source}: column {column} is not one of model {spec.model}: did you mean '{meant[0]}'? Rename it, or "
                "take it out of the plan"
            )


def _numbers(
    rows: pd.DataFrame, column: str, spec: ModelSpec, shape: tuple[int, int], source: str
) -> np.ndarray:
    """A column of the plan as (geo, week)."""
    numbers = as_numbers(rows, column, spec, source, bool(rows.attrs.get(DECIMAL_COMMAS, False)))
    unusable = ~np.isfinite(numbers)
    if unusable.any():
        raise InputError(
            f"{source}: column {column}: a number is missing in weeks {weeks_of(rows[unusable], spec)}: write one for "
            "every week"
        )
    return numbers.to_numpy().reshape(shape)


def _planned_media(
    rows: pd.DataFrame,
    spec: ModelSpec,
    data: xr.Dataset,
    weeks: pd.DatetimeIndex,
    assumed: list[str],
    source: str,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Exposure and frequency of the plan, (geo, week, channel); spend alone buys them as it did in the recent weeks."""
    shape = (data.sizes["geo"], len(weeks))
    exposure = np.stack(
        [_planned_exposure(rows, spec, data, name, shape, assumed, source) for name in spec.channels],
        axis=-1,
    )
    if "frequency" not in data:
        return exposure, None
    frequency = np.full(exposure.shape, np.nan)
    for position, (name, channel) in enumerate(zip(spec.channels, spec.channel_specs, strict=True)):
        if channel.frequency:
            frequency[..., position] = _planned_frequency(
                rows, spec, data, name, exposure[..., position], assumed, source
            )
    return exposure, frequency


def _planned_exposure(
    rows: pd.DataFrame,
    spec: ModelSpec,
    data: xr.Dataset,
    name: str,
    shape: tuple[int, int],
    assumed: list[str],
    source: str,
) -> np.ndarray:
    """Exposure or reach of a channel, (geo, week)."""
    channel = dict(zip(spec.channels, spec.channel_specs, strict=True))[name]
    if channel.media_column in rows.columns:
        values = _numbers(rows, channel.media_column, spec, shape, source)
    elif isinstance(channel, Channel) and channel.spend in rows.columns:
        recent = data.isel(media_week=slice(-RECENT_WEEKS, None))
        bought = float(recent["exposure"].sel(channel=name).sum())
        paid = float(recent["spend"].sel(paid_channel=name).sum())
        if paid <= 0 or bought <= 0:
            raise InputError(
                f"{source}: column {channel.media_column} is missing, and {name} bought nothing in the last "
                f"{RECENT_WEEKS} fitted weeks to price it by: add the column"
            )
        values = _numbers(rows, channel.spend, spec, shape, source) * bought / paid
        assumed.append(f"{name}: {channel.media_column} at {paid / bought:.4g} of spend each")
    else:
        spend = getattr(channel, "spend", channel.media_column)
        instead = f", or {spend} to buy it with" if spend != channel.media_column else ""
        raise InputError(
            f"{source}: column {channel.media_column} of channel {name} is missing: add it{instead}; write 0 "
            "to pause it"
        )
    negative = values < 0
    if negative.any():
        raise InputError(
            f"{source}: channel {name}: negative media in weeks {weeks_of(rows[negative.ravel()], spec)}: write 0 to "
            "pause it"
        )
    return values


def _planned_frequency(
    rows: pd.DataFrame,
    spec: ModelSpec,
    data: xr.Dataset,
    name: str,
    reach: np.ndarray,
    assumed: list[str],
    source: str,
) -> np.ndarray:
    """Frequency of a channel, (geo, week): the plan's, or exposures per person reached of the recent weeks."""
    column = str(dict(zip(spec.channels, spec.channel_specs, strict=True))[name].frequency)
    recent = data.isel(media_week=slice(-RECENT_WEEKS, None)).sel(channel=name)
    people = float(recent["exposure"].sum())
    usual = (
        float((recent["exposure"] * recent["frequency"]).sum()) / people
        if people > 0
        else float(data["frequency_scale"].sel(channel=name))
    )
    if column not in rows.columns:
        assumed.append(f"{name}: {column} as in the last {RECENT_WEEKS} fitted weeks, {usual:.4g}")
        return np.full(reach.shape, usual)
    filled = rows.assign(**{column: rows[column].where(reach.ravel() > 0, usual)})
    values = _numbers(filled, column, spec, (reach.shape[0], reach.shape[1]), source)
    if (values <= 0).any():
        raise InputError(
            f"{source}: column {column}: not above 0 where people are reached, in weeks "
            f"{weeks_of(rows[(values <= 0).ravel()], spec)}: state the mean number of exposures per person reached"
        )
    return values


def _planned_design(
    rows: pd.DataFrame,
    spec: ModelSpec,
    data: xr.Dataset,
    weeks: pd.DatetimeIndex,
    assumed: list[str],
    source: str,
) -> np.ndarray:
    """Design of the plan's weeks, (geo, week, term), standardised as the fitted one."""
    shape = (data.sizes["geo"], len(weeks))
    centre, scale = data["design_centre"].to_numpy(), data["design_scale"].to_numpy()
    terms = [str(term) for term in data["term"].to_numpy()]
    columns = {control: control for control in spec.controls}
    columns |= {name: treatment.column for name, treatment in spec.treatments.items()}
    by_date = dated_values(terms, weeks, data.sizes["week"], spec)
    design = np.ones((*shape, len(terms)))
    for position, term in enumerate(terms):
        if term in by_date:
            design[..., position] = (by_date[term] - centre[position]) / scale[position]
        elif term in columns and columns[term] in rows.columns:
            values = _numbers(rows, columns[term], spec, shape, source)
            design[..., position] = (values - centre[position]) / scale[position]
        elif term in spec.demand_terms:
            # planned media are a decision: they are not more demand
            recent = data["design"].isel(term=position, week=slice(-RECENT_WEEKS, None)).mean("week")
            design[..., position] = recent.to_numpy()[:, None]
            assumed.append(f"{term}: held at its mean of the last {RECENT_WEEKS} fitted weeks")
        elif term in columns:
            recent = data["design"].isel(term=position, week=slice(-RECENT_WEEKS, None)).mean("week")
            design[..., position] = recent.to_numpy()[:, None]
            assumed.append(f"{term}: held at its mean of the last {RECENT_WEEKS} fitted weeks")
    return design
