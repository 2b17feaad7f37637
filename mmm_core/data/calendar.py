"""Terms of the baseline that follow from the date alone: trend, seasonality, holidays, events, steps.

The same functions serve the fitted weeks (`dated_terms`) and weeks to come (`dated_values`), so that a forecast goes on
with what was fitted. Their weeks are the table's dates; which days a week holds, `first_days` says.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import numpy as np
import pandas as pd

from mmm_core.data.weeks import first_days
from mmm_core.errors import InputError, nearest
from mmm_core.spec.baseline_spec import Holidays
from mmm_core.spec.model_spec import ModelSpec

INTERCEPT = "intercept"
TREND = "trend"
# Between the names of holidays whose weeks are the same.
AND = " + "

_FOURIER_ORIGIN = pd.Timestamp("1970-01-05")
_WEEK = pd.Timedelta(days=7)
# Endings of the `holidays` package for days off in lieu and for dates not yet proclaimed.
_VARIANTS = (" (observed, estimated)", " (observed)", " (estimated)")


def dated_terms(weeks: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, np.ndarray]:
    """Values of every dated term in the modelled weeks, (week,) each, in the order of the design.

    Raises:
        InputError: an event or step outside of the modelled weeks, an unknown country, subdivision or holiday, two
            terms of one name.
    """
    season, days = spec.baseline.seasonality, first_days(weeks, spec)
    ending = "ending " if spec.time.marks == "end" else ""
    window = f"the modelled weeks ({ending}{weeks[0].date()} to {weeks[-1].date()})"
    waves = dict(zip(fourier_terms(season.order), fourier(days, season.period, season.order).T, strict=True))
    events = event_indicators(weeks, spec)
    for name, indicator in events.items():
        if not indicator.any():
            raise InputError(
                f"model {spec.model}: event '{name}' falls in none of {window}: correct its dates or take it out"
            )
    steps = step_indicators(weeks, spec)
    for name, indicator in steps.items():
        if indicator.all() or not indicator.any():
            raise InputError(
                f"model {spec.model}: step '{name}' on {spec.baseline.steps[name]} changes nothing within {window}: "
                "it must fall after the first of them and not after the last"
            )
    try:
        holidays = holiday_terms(days, spec.baseline.holidays)
    except InputError as error:
        raise InputError(f"model {spec.model}: {error}") from None
    groups = [waves, holidays, events, steps]
    if has_trend(spec):
        groups.insert(0, {TREND: np.arange(len(weeks), dtype=float)})
    refuse_repeated((name for group in groups for name in group), spec)
    return {name: values for group in groups for name, values in group.items()}


def dated_values(
    terms: Iterable[str], weeks: pd.DatetimeIndex, fitted: int, spec: ModelSpec
) -> dict[str, np.ndarray]:
    """Values, (week,) each, of those of the fitted `terms` that follow from the date, in weeks after the fitted ones.

    A term of several holidays, which never were in different weeks, is 1 in a week that holds any of them.

    Args:
        fitted: number of fitted weeks, from which the trend counts on.
    """
    season, days = spec.baseline.seasonality, first_days(weeks, spec)
    known = {
        TREND: fitted + np.arange(len(weeks), dtype=float),
        **dict(zip(fourier_terms(season.order), fourier(days, season.period, season.order).T, strict=True)),
        **event_indicators(weeks, spec),
        **step_indicators(weeks, spec),
    }
    if not has_trend(spec):
        del known[TREND]
    holidays = holiday_indicators(days, spec.baseline.holidays)
    undated = {INTERCEPT, *spec.controls, *spec.demand_terms, *spec.treatments}
    out = {}
    for term in terms:
        if term in undated:
            continue
        if term in known:
            out[term] = known[term]
        elif spec.baseline.holidays:
            absent = np.zeros(len(weeks))
            out[term] = np.max([holidays.get(name, absent) for name in term.split(AND)], axis=0)
    return out


def has_trend(spec: ModelSpec) -> bool:
    """Whether the level has a constant slope."""
    return spec.baseline.level == "linear" or spec.baseline.slope == "constant"


def refuse_repeated(terms: Iterable[str], spec: ModelSpec) -> None:
    """Raise InputError where two components of the outcome have one name."""
    seen: set[str] = set(spec.channels)
    for term in terms:
        if term in seen:
            raise InputError(
                f"model {spec.model}: '{term}' names two components of the outcome (channels, controls, treatments, "
                "trend, seasonality, holidays, events, steps): rename the one that is yours"
            )
        seen.add(term)


def fourier(days: pd.DatetimeIndex, period: float, order: int) -> np.ndarray:
    """Seasonal terms of the weeks that begin on `days`, (week, 2 * order): sine and cosine of harmonics 1..order.

    Args:
        period: in weeks.
    """
    position = (days - _FOURIER_ORIGIN).days.to_numpy() / 7.0
    angles = 2 * np.pi * np.outer(position / period, np.arange(1, order + 1))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(days), -1)


def fourier_terms(order: int) -> list[str]:
    """Names of the columns of `fourier`."""
    return [f"{wave}_{k}" for k in range(1, order + 1) for wave in ("sin", "cos")]


def event_indicators(weeks: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, np.ndarray]:
    """For each named event, 1 in a week that holds one of its dates."""
    first = first_days(weeks, spec)
    return {name: _weeks_with(first, days) for name, days in spec.baseline.events.items()}


def event_and_holiday_indicators(first: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, np.ndarray]:
    """Indicators of the named events and of every holiday in the weeks with these first days, none merged."""
    events = {name: _weeks_with(first, days) for name, days in spec.baseline.events.items()}
    return {**events, **holiday_indicators(first, spec.baseline.holidays)}


def step_indicators(weeks: pd.DatetimeIndex, spec: ModelSpec) -> dict[str, np.ndarray]:
    """For each named step, 0 before the week that holds its date and 1 from that week on."""
    return {
        name: np.asarray(first_days(weeks, spec) + _WEEK > pd.Timestamp(day), dtype=float)
        for name, day in spec.baseline.steps.items()
    }


def holiday_terms(first: pd.DatetimeIndex, stated: Holidays | None) -> dict[str, np.ndarray]:
    """Terms of the holidays that fall in the weeks with these first days, one of those that share all their weeks.

    Christmas Day and the week before New Year's Day are the same week: no data can tell their effects apart.
    """
    merged: dict[bytes, list[str]] = {}
    columns: dict[bytes, np.ndarray] = {}
    for name, indicator in holiday_indicators(first, stated).items():
        if indicator.any():
            key = indicator.tobytes()
            merged.setdefault(key, []).append(name)
            columns[key] = indicator
    return {AND.join(names): columns[key] for key, names in merged.items()}


def holiday_indicators(first: pd.DatetimeIndex, stated: Holidays | None) -> dict[str, np.ndarray]:
    """For each holiday, and each week of the window around it, 1 in the weeks concerned.

    Args:
        first: the weeks' first days.

    Raises:
        InputError: a country, subdivision or name that the `holidays` package does not know.
    """
    if stated is None:
        return {}
    days = holiday_dates(stated, range(first[0].year - 1, first[-1].year + 2))
    for name in stated.names:
        if name not in days:
            raise InputError(
                f"baseline.holidays.names: no holiday '{name}' in {_place(stated)}: {nearest(name, days)}"
            )
    earliest, latest = stated.window
    offsets = sorted(range(earliest, latest + 1), key=lambda offset: (abs(offset), offset))
    return {
        name if offset == 0 else f"{name} {offset:+d}w": _weeks_with(first - offset * _WEEK, days[name])
        for offset in offsets
        for name in stated.names or days
    }


def holiday_dates(stated: Holidays, years: range) -> dict[str, set[datetime.date]]:
    """Days of every public holiday of some years, by name; days off in lieu count as the holiday's own.

    Names are English where the package has them in English, whatever the language of the machine.

    Raises:
        InputError: an unknown country or subdivision.
    """
    import holidays  # a tenth of a second that a model without holidays need not spend

    refuse_unknown_country(stated.country)
    subdivisions = holidays.list_supported_countries()[stated.country]
    if stated.subdivision and stated.subdivision not in subdivisions:
        raise InputError(
            f"baseline.holidays.subdivision: unknown '{stated.subdivision}' in {stated.country}: "
            f"{nearest(stated.subdivision, subdivisions)}"
        )
    country = getattr(holidays, stated.country)
    default = country.default_language or ""
    language = "en_US" if "en_US" in country.supported_languages and not default.startswith("en") else default
    calendar = holidays.country_holidays(
        stated.country, subdiv=stated.subdivision, years=years, language=language or None
    )
    out: dict[str, set[datetime.date]] = {}
    for day in sorted(calendar):
        for label in calendar.get_list(day):
            name = label
            for ending in _VARIANTS:
                name = name.removesuffix(ending)
            out.setdefault(name, set()).add(day)
    return out


def refuse_unknown_country(country: str, key: str = "baseline.holidays.country") -> None:
    """Raise InputError, which names the `key`, where the `holidays` package does not know a country."""
    import holidays

    countries = holidays.list_supported_countries()
    if country not in countries:
        code = country.upper()
        remedy = (
            f"did you mean '{code}'?" if code in countries else "write its ISO code, such as US, GB or DE"
        )
        raise InputError(f"{key}: unknown '{country}': {remedy}")


def _place(stated: Holidays) -> str:
    return f"{stated.country}-{stated.subdivision}" if stated.subdivision else stated.country


def _weeks_with(first: pd.DatetimeIndex, days: Iterable[datetime.date]) -> np.ndarray:
    """1 for a week that holds one of the days, 0 for another; weeks of seven days from their first."""
    dates = pd.DatetimeIndex(sorted(pd.Timestamp(day) for day in days))
    before = np.searchsorted(dates, first, side="left")
    return np.asarray(np.searchsorted(dates, first + _WEEK, side="left") > before, dtype=float)
