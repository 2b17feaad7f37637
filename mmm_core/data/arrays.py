"""From a checked weekly table to the labelled arrays a model is fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.calendar import INTERCEPT as INTERCEPT
from mmm_core.data.calendar import TREND, dated_terms, holiday_terms, refuse_repeated
from mmm_core.data.table import check_table, fingerprint
from mmm_core.errors import InputError, listed
from mmm_core.spec.model_spec import ModelSpec

NATIONAL = "all"

# Prior sd of a term's coefficient in units of the noise sd: wide enough to be uninformative, proper all the same.
INTERCEPT_PRIOR_SD = 100.0
TERM_PRIOR_SD = 10.0
# A holiday rests on one week a year, and with a window there are dozens of them. At 10 each would take its weeks out of
# the likelihood, what media did in them included; at 2 one week keeps 4/5 of what it says and four weeks 16/17. A day
# known to be far larger, such as Black Friday, is an event, with the wide prior.
HOLIDAY_PRIOR_SD = 2.0

Panel = Callable[[str], np.ndarray]
"""From a column of the table to its values (geo, week)."""


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
        where a channel has reach and frequency, exposure holds its reach, and there are frequency (geo, media_week,
        channel), nan for the other channels, and frequency_scale (channel);
        kpi, revenue_per_kpi, observed (geo, week); population (geo), relative to its mean;
        design (geo, week, term), standardised, with design_centre, design_scale, design_prior_sd (term);
        media_scale (channel); kpi_centre (geo) and kpi_scale (), of the KPI per head or of its logarithm.
        Attributes: model, table (fingerprint of the checked table), l_max, holdout_weeks.

    Raises:
        InputError: whatever `check_table` refuses, a channel without media in the window, an event or step outside of
            it, an unknown holiday, two components of one name, too long a holdout.
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
    if spec.kpi.scale == "log":
        per_head = np.log(per_head)
    seen = np.where(observed, per_head, np.nan)
    centre = np.nanmedian(seen, axis=1)
    kpi_scale = _robust_sd(seen - centre[:, None])

    media_per_head = exposure / population[:, None, None]
    positive = np.where(media_per_head > 0, media_per_head, np.nan)
    media_scale = np.nanmean(positive, axis=(0, 1))

    design = _design(spec, week, len(geos), lambda column: panel(column)[:, spec.l_max :], source)

    return xr.Dataset(
        {
            "exposure": (("geo", "media_week", "channel"), exposure),
            "spend": (("geo", "media_week", "paid_channel"), spend),
            "kpi": (("geo", "week"), kpi),
            "revenue_per_kpi": (("geo", "week"), unit),
            "observed": (("geo", "week"), observed),
            "population": (("geo",), population),
            "design": (("geo", "week", "term"), (design.raw - design.centre) / design.scale),
            "design_centre": (("term",), design.centre),
            "design_scale": (("term",), design.scale),
            "design_prior_sd": (("term",), design.prior_sd),
            "media_scale": (("channel",), media_scale),
            **_frequency(exposure, spec, panel),
            "kpi_centre": (("geo",), centre / kpi_scale),
            "kpi_scale": ((), kpi_scale),
        },
        coords={
            "geo": geos,
            "media_week": media_week,
            "week": week,
            "channel": list(spec.channels),
            "paid_channel": list(spec.paid),
            "term": list(design.terms),
        },
        attrs={
            "model": spec.model,
            "table": fingerprint(rows),
            "l_max": spec.l_max,
            "holdout_weeks": holdout_weeks,
        },
    )


@dataclass(frozen=True)
class Design:
    """What enters the baseline linearly: value = (raw - centre) / scale, of every term in every geo and week."""

    terms: tuple[str, ...]
    raw: np.ndarray  # (geo, week, term)
    centre: np.ndarray  # (term,)
    scale: np.ndarray  # (term,)
    prior_sd: np.ndarray  # (term,)


def _design(spec: ModelSpec, week: pd.DatetimeIndex, geos: int, panel: Panel, source: str) -> Design:
    """Intercept, controls and treatments, then what follows from the date.

    Controls and the trend are centred; a treatment is measured from its baseline value, so that its term is 0 where
    there was none. All three are in standard deviations. Waves and indicators are as they are.
    """
    ones = np.ones((geos, len(week)))
    dated = dated_terms(week, spec)
    named = [INTERCEPT, *spec.controls, *spec.treatments, *dated]
    refuse_repeated(named, spec)
    columns = [
        ones,
        *(panel(control) for control in spec.controls),
        *(panel(treatment.column) for treatment in spec.treatments.values()),
        *(ones * values for values in dated.values()),
    ]
    raw = np.stack(columns, axis=-1)
    centre, scale, prior_sd = np.zeros(len(named)), np.ones(len(named)), np.full(len(named), TERM_PRIOR_SD)
    holidays = holiday_terms(week, spec.baseline.holidays)
    for position, term in enumerate(named):
        values = raw[..., position]
        if term in spec.treatments:
            centre[position] = _baseline_value(values, spec.treatments[term].baseline)
        elif term in spec.controls or term == TREND:
            centre[position] = values.mean()
        elif term in holidays:
            prior_sd[position] = HOLIDAY_PRIOR_SD
        if term in spec.treatments or term in spec.controls or term == TREND:
            scale[position] = values.std() if np.ptp(values) > 0 else 0.0
    prior_sd[0] = INTERCEPT_PRIOR_SD
    _refuse_constant([term for term, spread in zip(named, scale, strict=True) if spread == 0], source)
    return Design(tuple(named), raw, centre, scale, prior_sd)


def _baseline_value(values: np.ndarray, baseline: str | float) -> float:
    """What a treatment's column would have been without the treatment."""
    known = {"min": values.min(), "max": values.max(), "mean": values.mean(), "zero": 0.0}
    return float(known[baseline]) if isinstance(baseline, str) else baseline


def _frequency(
    reach: np.ndarray, spec: ModelSpec, panel: Panel
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Frequency and its unit, the mean of the weeks with reach; nothing where no channel has one.

    Where nobody was reached the mean stands in: the fit does not see it, and a counterfactual may have reach there.
    """
    if not any(channel.frequency for channel in spec.channel_specs):
        return {}
    frequency, scale = np.full(reach.shape, np.nan), np.ones(reach.shape[-1])
    for position, channel in enumerate(spec.channel_specs):
        if channel.frequency:
            values = panel(channel.frequency)
            reached = reach[..., position] > 0
            scale[position] = values[reached].mean()
            frequency[..., position] = np.where(reached, values, scale[position])
    return {
        "frequency": (("geo", "media_week", "channel"), frequency),
        "frequency_scale": (("channel",), scale),
    }


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


def _refuse_constant(terms: list[str], source: str) -> None:
    if terms:
        raise InputError(
            f"{source}: {listed(terms)} never changes in the modelled weeks: take the control or treatment out of the "
            "model"
        )
