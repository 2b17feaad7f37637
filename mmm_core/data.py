"""From a checked weekly table to the labelled arrays a model is fitted on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.spec import ModelSpec
from mmm_core.table import check_table

NATIONAL = "all"
INTERCEPT = "intercept"

# Prior sd of a term's coefficient in units of the noise sd: wide enough to be uninformative, proper all the same.
INTERCEPT_PRIOR_SD = 100.0
TERM_PRIOR_SD = 10.0

_FOURIER_ORIGIN = pd.Timestamp("1970-01-05")


def model_data(
    table: pd.DataFrame, spec: ModelSpec, source: str = "table", holdout_weeks: int = 0
) -> xr.Dataset:
    """The arrays of one model, labelled; group `constant_data` of its posterior.

    The first `spec.l_max` weeks are media history: they carry over into the window and their KPI is not modelled, so
    that no lag is ever filled with zeros.

    Args:
        table: the weekly table; checked here.
        holdout_weeks: this many last weeks are left out of the likelihood. Shapes do not change, so a compiled fit
            is used again.

    Returns:
        exposure (geo, media_week, channel) and spend (geo, media_week, paid_channel) in the table's units;
        kpi, revenue_per_kpi, observed (geo, week); population (geo), relative to its mean;
        design (geo, week, term), standardised, with design_centre, design_scale, design_prior_sd (term);
        media_scale (channel), kpi_centre (geo), kpi_scale ().

    Raises:
        InputError: whatever `check_table` refuses, a channel without media in the window, too long a holdout.
    """
    rows = check_table(table, spec, source)
    time = spec.time.column
    geos = sorted(rows[spec.geo.column].unique()) if spec.geo else [NATIONAL]
    media_week = pd.DatetimeIndex(np.sort(rows[time].unique()))
    week = media_week[spec.l_max :]
    shape = (len(geos), len(media_week))

    def panel(column: str) -> np.ndarray:
        return rows[column].to_numpy(dtype=float).reshape(shape)  # check_table sorts by geo, then week

    exposure = np.stack([panel(channel.media_column) for channel in spec.channel_specs], axis=-1)
    spend = np.stack([panel(channel.spend) for channel in spec.media.channels.values()], axis=-1)
    kpi = panel(spec.kpi.column)[:, spec.l_max :]
    unit = (
        panel(spec.kpi.revenue_per_unit)[:, spec.l_max :] if spec.kpi.revenue_per_unit else np.ones_like(kpi)
    )
    if spec.geo and spec.geo.population:
        population = panel(spec.geo.population)[:, -1]
        population = population / population.mean()
    else:
        population = np.ones(len(geos))

    _refuse_idle_channels(exposure[:, spec.l_max :], spend[:, spec.l_max :], spec, source)
    observed = np.isfinite(kpi)
    if holdout_weeks:
        if holdout_weeks > len(week) - 26:
            raise InputError(
                f"{source}: a holdout of {holdout_weeks} weeks leaves fewer than 26 of {len(week)}: shorten it"
            )
        observed = observed & (np.arange(len(week)) < len(week) - holdout_weeks)

    per_head = kpi / population[:, None]
    seen = np.where(observed, per_head, np.nan)
    centre = np.nanmedian(seen, axis=1)
    kpi_scale = _robust_sd(seen - centre[:, None])

    media_per_head = exposure / population[:, None, None]
    positive = np.where(media_per_head > 0, media_per_head, np.nan)
    media_scale = np.nanmean(positive, axis=(0, 1))

    terms, raw = _design(rows, spec, week, geos, panel)
    varying = np.array(
        [not term.startswith(INTERCEPT) and term in (*spec.controls, "trend") for term in terms]
    )
    design_centre = np.where(varying, raw.mean(axis=(0, 1)), 0.0)
    spread = raw.std(axis=(0, 1))
    _refuse_constant(np.array(terms)[varying & (spread == 0)], source)
    design_scale = np.where(varying, spread, 1.0)
    design = (raw - design_centre) / design_scale
    prior_sd = np.where([term == INTERCEPT for term in terms], INTERCEPT_PRIOR_SD, TERM_PRIOR_SD)

    return xr.Dataset(
        {
            "exposure": (("geo", "media_week", "channel"), exposure),
            "spend": (("geo", "media_week", "paid_channel"), spend),
            "kpi": (("geo", "week"), kpi),
            "revenue_per_kpi": (("geo", "week"), unit),
            "observed": (("geo", "week"), observed),
            "population": (("geo",), population),
            "design": (("geo", "week", "term"), design),
            "design_centre": (("term",), design_centre),
            "design_scale": (("term",), design_scale),
            "design_prior_sd": (("term",), prior_sd),
            "media_scale": (("channel",), media_scale),
            "kpi_centre": (("geo",), centre / kpi_scale),
            "kpi_scale": ((), kpi_scale),
        },
        coords={
            "geo": geos,
            "media_week": media_week,
            "week": week,
            "channel": list(spec.channels),
            "paid_channel": list(spec.paid),
            "term": terms,
        },
        attrs={"model": spec.model, "l_max": spec.l_max, "holdout_weeks": holdout_weeks},
    )


def fourier(weeks: pd.DatetimeIndex, period: float, order: int) -> np.ndarray:
    """Seasonal terms, shape (week, 2 * order): sine and cosine of harmonics 1..order; `period` in weeks."""
    position = (weeks - _FOURIER_ORIGIN).days.to_numpy() / 7.0
    angles = 2 * np.pi * np.outer(position / period, np.arange(1, order + 1))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(weeks), -1)


def fourier_terms(order: int) -> list[str]:
    """Names of the columns of `fourier`."""
    return [f"{wave}_{k}" for k in range(1, order + 1) for wave in ("sin", "cos")]


def event_indicators(weeks: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, np.ndarray]:
    """For each named event, 1 in a week that holds one of its dates."""
    out = {}
    for name, days in spec.baseline.events.items():
        starts = {pd.Timestamp(day) for day in days}
        out[name] = np.array(
            [float(any(week <= day < week + pd.Timedelta(days=7) for day in starts)) for week in weeks]
        )
    return out


def _design(
    rows: pd.DataFrame,
    spec: ModelSpec,
    week: pd.DatetimeIndex,
    geos: list[str],
    panel: Callable[[str], np.ndarray],
) -> tuple[list[str], np.ndarray]:
    """Names and raw values (geo, week, term) of what enters the baseline linearly."""
    ones = np.ones((len(geos), len(week)))
    terms, columns = [INTERCEPT], [ones]
    if spec.baseline.level == "linear":
        terms.append("trend")
        columns.append(ones * np.arange(len(week)))
    for control in spec.controls:
        terms.append(control)
        columns.append(panel(control)[:, spec.l_max :])
    season = spec.baseline.seasonality
    terms += fourier_terms(season.order)
    columns += [ones * wave for wave in fourier(week, season.period, season.order).T]
    for name, indicator in event_indicators(week, spec).items():
        if not indicator.any():
            raise InputError(
                f"model {spec.model}: event '{name}' falls in no modelled week ({week[0].date()} to {week[-1].date()})"
            )
        terms.append(name)
        columns.append(ones * indicator)
    return terms, np.stack(columns, axis=-1)


def _robust_sd(values: np.ndarray) -> float:
    """The sd a normal with these quartiles has: a Black Friday must not widen every prior that is stated in it."""
    low, high = np.nanquantile(values, [0.25, 0.75])
    return float((high - low) / 1.349) if high > low else float(np.nanstd(values))


def _refuse_idle_channels(exposure: np.ndarray, spend: np.ndarray, spec: ModelSpec, source: str) -> None:
    idle = [name for i, name in enumerate(spec.channels) if not (exposure[..., i] > 0).any()]
    idle += [name for i, name in enumerate(spec.paid) if not (spend[..., i] > 0).any()]
    if idle:
        raise InputError(
            f"{source}: no media after the first {spec.l_max} weeks (which are media history only) for "
            f"{listed(dict.fromkeys(idle))}: take the channel out or widen the window"
        )


def _refuse_constant(terms: np.ndarray, source: str) -> None:
    if len(terms):
        raise InputError(
            f"{source}: {listed(terms)} never changes in the modelled weeks: take the control out of the model"
        )
