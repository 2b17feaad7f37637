"""From a checked weekly table to the labelled arrays a model is fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.calendar import INTERCEPT as INTERCEPT
from mmm_core.data.calendar import TREND, dated_terms, fourier_terms, holiday_terms, refuse_repeated
from mmm_core.data.shrinkage import learned_prior_sd
from mmm_core.data.table import check_table, fingerprint
from mmm_core.data.weeks import first_days, week_coordinate
from mmm_core.errors import InputError, listed
from mmm_core.spec.baseline_spec import LEARNED
from mmm_core.spec.model_spec import ModelSpec

NATIONAL = "all"

# Prior sd of a term's coefficient in units of the noise sd: wide enough to be uninformative, proper all the same.
INTERCEPT_PRIOR_SD = 100.0
TERM_PRIOR_SD = 10.0
# A holiday rests on one week a year, and with a window there are dozens of them. At 10 each would take its weeks out of
# the likelihood, what media did in them included; at 2 one week keeps 4/5 of what it says and four weeks 16/17. A day
# known to be far larger, such as Black Friday, is an event, with the wide prior. The default of `baseline.shrinkage`.
HOLIDAY_PRIOR_SD = 2.0

# Share of a channel's mean below which fewer media mean no less demand.
LEAST_DEMAND = 0.05


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
        Weeks are the table's dates; their attribute `marks` says whether those are first or last days.
        Attributes: model, table (fingerprint of the checked table), l_max, holdout_weeks.

    Raises:
        InputError: whatever `check_table` refuses, a channel without media in the window, an event or step outside of
            it, an unknown holiday, two components of one name, too long a holdout.
    """
    rows = check_table(table, spec, source)
    panel = Panel.of(rows, spec)
    exposure = np.stack([panel(channel.media_column) for channel in spec.channel_specs], axis=-1)
    spend = np.stack([panel(channel.spend) for channel in spec.media.channels.values()], axis=-1)
    _refuse_idle_channels(exposure[:, spec.l_max :], spend[:, spec.l_max :], spec, source)
    kpi = panel.window(spec.kpi.column)
    worth = spec.kpi.revenue_per_unit
    revenue_per_kpi = panel.window(worth) if worth else np.ones_like(kpi)
    population = _population(panel, spec)
    observed = _observed(kpi, holdout_weeks, source)
    kpi_centre, kpi_scale = _kpi_units(kpi, population, observed, spec)
    design = _design(spec, panel, source)
    data = xr.Dataset(
        {
            "exposure": (("geo", "media_week", "channel"), exposure),
            "spend": (("geo", "media_week", "paid_channel"), spend),
            "kpi": (("geo", "week"), kpi),
            "revenue_per_kpi": (("geo", "week"), revenue_per_kpi),
            "observed": (("geo", "week"), observed),
            "population": (("geo",), population),
            "design": (("geo", "week", "term"), (design.raw - design.centre) / design.scale),
            "design_centre": (("term",), design.centre),
            "design_scale": (("term",), design.scale),
            "design_prior_sd": (("term",), design.prior_sd),
            "media_scale": (("channel",), _media_scale(exposure, population)),
            **_frequency(exposure, spec, panel),
            "kpi_centre": (("geo",), kpi_centre),
            "kpi_scale": ((), kpi_scale),
        },
        coords={
            "geo": panel.geos,
            "media_week": week_coordinate(panel.media_week, spec, "media_week"),
            "week": week_coordinate(panel.week, spec),
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
    prior_sd = learned_prior_sd(data, spec, scaled_kpi(data, spec), shrunk_groups(panel.week, spec))
    return data.assign(design_prior_sd=(("term",), prior_sd))


def last_day(data: xr.Dataset, held_out: bool = False) -> date:
    """The last day of the last week, whether its KPI is there or not.

    Args:
        data: of `model_data`.
        held_out: of all weeks; by default of those that are not held out.
    """
    week = pd.Timestamp(data["week"].to_numpy()[-1 - (0 if held_out else data.attrs["holdout_weeks"])])
    return (week if data["week"].attrs["marks"] == "end" else week + pd.Timedelta(days=6)).date()


@dataclass(frozen=True)
class Panel:
    """A checked table by geo and week.

    Attributes:
        rows: sorted by geo, then week.
        geos: their names; one where the model is national.
        media_week: every week; the first `history` are media history only.
    """

    rows: pd.DataFrame
    geos: list[str]
    media_week: pd.DatetimeIndex
    history: int

    @classmethod
    def of(cls, rows: pd.DataFrame, spec: ModelSpec) -> Panel:
        """From the rows that `check_table` gives."""
        geos = sorted(rows[spec.geo.column].unique()) if spec.geo else [NATIONAL]
        return cls(rows, geos, pd.DatetimeIndex(np.sort(rows[spec.time.column].unique())), spec.l_max)

    @property
    def week(self) -> pd.DatetimeIndex:
        """The modelled weeks."""
        return self.media_week[self.history :]

    def __call__(self, column: str) -> np.ndarray:
        """A column's values in every week, (geo, media_week)."""
        return self.rows[column].to_numpy(dtype=float).reshape(len(self.geos), len(self.media_week))

    def window(self, column: str) -> np.ndarray:
        """A column's values in the modelled weeks, (geo, week)."""
        return self(column)[:, self.history :]


def _population(panel: Panel, spec: ModelSpec) -> np.ndarray:
    """Population (geo,) of the last week, relative to its mean; 1 where it is not known."""
    if not (spec.geo and spec.geo.population):
        return np.ones(len(panel.geos))
    population = panel(spec.geo.population)[:, -1]
    return np.asarray(population / population.mean())


def _observed(kpi: np.ndarray, holdout_weeks: int, source: str) -> np.ndarray:
    """Whether a week's KPI enters the likelihood, (geo, week)."""
    observed, weeks = np.isfinite(kpi), kpi.shape[1]
    if holdout_weeks > max(weeks - 26, 0):
        raise InputError(
            f"{source}: a holdout of {holdout_weeks} weeks leaves fewer than 26 of {weeks}: shorten it"
        )
    return observed & (np.arange(weeks) < weeks - holdout_weeks)


def _kpi_units(
    kpi: np.ndarray, population: np.ndarray, observed: np.ndarray, spec: ModelSpec
) -> tuple[np.ndarray, float]:
    """Centre (geo,) in scaled units, and scale, of the KPI per head or of its logarithm."""
    per_head = kpi / population[:, None]
    if spec.kpi.scale == "log":
        per_head = np.log(per_head)
    seen = np.where(observed, per_head, np.nan)
    centre = np.nanmedian(seen, axis=1)
    scale = _robust_sd(seen - centre[:, None])
    return np.asarray(centre / scale), scale


def _media_scale(exposure: np.ndarray, population: np.ndarray) -> np.ndarray:
    """Mean of each channel's weeks with media, per head, (channel,)."""
    per_head = exposure / population[:, None, None]
    return np.asarray(np.nanmean(np.where(per_head > 0, per_head, np.nan), axis=(0, 1)))


@dataclass(frozen=True)
class Design:
    """What enters the baseline linearly: value = (raw - centre) / scale, of every term in every geo and week."""

    terms: tuple[str, ...]
    raw: np.ndarray  # (geo, week, term)
    centre: np.ndarray  # (term,)
    scale: np.ndarray  # (term,)
    prior_sd: np.ndarray  # (term,)


def _design(spec: ModelSpec, panel: Panel, source: str) -> Design:
    """Intercept, controls and treatments, then what follows from the date.

    Controls, demand and the trend are centred; a treatment is measured from its baseline value, so that its term is 0
    where there was none. All of these are in standard deviations. Waves and indicators are as they are.
    """
    ones = np.ones((len(panel.geos), len(panel.week)))
    dated = dated_terms(panel.week, spec)
    standardised = {*spec.controls, *spec.demand_terms, TREND}
    names = [INTERCEPT, *spec.controls, *spec.demand_terms, *spec.treatments, *dated]
    refuse_repeated(names, spec)
    columns = [
        ones,
        *(panel.window(control) for control in spec.controls),
        *(_demand(panel, spec, channel) for channel in spec.demand_terms.values()),
        *(panel.window(treatment.column) for treatment in spec.treatments.values()),
        *(ones * values for values in dated.values()),
    ]
    raw = np.stack(columns, axis=-1)
    centre, scale = np.zeros(len(names)), np.ones(len(names))
    for position, term in enumerate(names):
        values = raw[..., position]
        if term in spec.treatments:
            centre[position] = _baseline_value(values, spec.treatments[term].baseline)
        elif term in standardised:
            centre[position] = values.mean()
        if term in spec.treatments or term in standardised:
            scale[position] = values.std() if np.ptp(values) > 0 else 0.0
    _refuse_constant([term for term, spread in zip(names, scale, strict=True) if spread == 0], source)
    return Design(tuple(names), raw, centre, scale, _prior_sds(names, shrunk_groups(panel.week, spec), spec))


def _demand(panel: Panel, spec: ModelSpec, channel: str) -> np.ndarray:
    """What is seen of demand in a channel that follows it: the logarithm of its media in the same week, (geo, week).

    Carryover and saturation of the channel's own effect make it another shape; what still looks alike is told apart by
    lift tests and priors alone. Weeks with next to no media say no more than that demand was low.
    """
    media = panel.window(spec.media.channels[channel].media_column)
    usual = np.mean(media, axis=1, keepdims=True)
    return np.asarray(np.log(np.maximum(media, LEAST_DEMAND * np.where(usual > 0, usual, 1.0))))


def _prior_sds(names: list[str], groups: dict[str, str], spec: ModelSpec) -> np.ndarray:
    """Prior sd of each term's coefficient, (term,), in units of the noise sd, as far as it is stated."""
    stated = {
        group: TERM_PRIOR_SD if scale == LEARNED else float(scale) for group, scale in spec.baseline.shrinkage
    }
    sd = {INTERCEPT: INTERCEPT_PRIOR_SD, **{term: stated[group] for term, group in groups.items()}}
    return np.array([sd.get(name, TERM_PRIOR_SD) for name in names])


def shrunk_groups(week: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, str]:
    """Term to the key of `baseline.shrinkage` that is about it; weeks as the table dates them."""
    return {
        **dict.fromkeys((*spec.controls, *spec.demand_terms), "controls"),
        **dict.fromkeys(fourier_terms(spec.baseline.seasonality.order), "seasonality"),
        **dict.fromkeys(holiday_terms(first_days(week, spec), spec.baseline.holidays), "holidays"),
    }


def scaled_kpi(data: xr.Dataset, spec: ModelSpec) -> np.ndarray:
    """KPI per head, or its logarithm, centred by geo in scaled units, (geo, week); 0 where unobserved."""
    observed = data["observed"].to_numpy()
    per_head = data["kpi"].to_numpy() / data["population"].to_numpy()[:, None]
    if spec.kpi.scale == "log":
        per_head = np.log(np.where(observed, per_head, 1.0))
    scaled = per_head / float(data["kpi_scale"]) - data["kpi_centre"].to_numpy()[:, None]
    return np.where(observed, scaled, 0.0)


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
