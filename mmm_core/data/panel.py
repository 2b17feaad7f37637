"""What must hold of every geo by itself: checks that a column as a whole would hide.

A geo that never sells fits perfectly and makes a model surer of all others; a digit too few in one geo's population
changes what its media are worth; weeks in which a shop was closed teach the model that media sell everything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mmm_core.data.calendar import event_indicators, step_indicators
from mmm_core.data.contract import levers, weeks_of
from mmm_core.errors import listed, shown
from mmm_core.spec.model_spec import ModelSpec

DRIFT = 0.05
"""A geo's population may lie this far off its median: people move, but a tenth of a city does not."""

CLOSED_FROM = 2
"""Weeks without KPI and media from which on they are asked about; one is an outlier like others."""

OUTLIER = 5.0
"""Standard deviations from what a geo usually sells from which on a week without KPI cannot be chance."""


NEAR_ZERO = 0.01
"""Share of its geo's mean week below which a week's KPI has no usable logarithm: one such week is an outlier of 5 and
more, and forecasts of weeks to come then reach factors of hundreds."""


def panel_faults(rows: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """What is wrong with single geos, a line each, with the remedy.

    Args:
        rows: typed, sorted by geo and week, that keep the contract.
    """
    weeks = pd.DatetimeIndex(np.sort(rows[spec.time.column].unique()))
    modelled = rows[rows[spec.time.column] >= weeks[spec.l_max]]
    return [
        *_dead(modelled, spec),
        *_levers_of_a_place(modelled, spec),
        *_jumps(rows, spec),
        *_closed(modelled, spec),
        *_near_zero(modelled, spec),
    ]


def _by_geo(rows: pd.DataFrame, spec: ModelSpec) -> Iterator[tuple[str, pd.DataFrame]]:
    if spec.geo is None:
        yield "", rows
        return
    for geo, part in rows.groupby(spec.geo.column, sort=True):
        yield str(geo), part


def _dead(modelled: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Geos whose KPI never changes in the modelled weeks."""
    kpi = spec.kpi.column
    dead = [geo for geo, part in _by_geo(modelled, spec) if part[kpi].nunique() < 2]
    if not dead:
        return []
    if spec.geo is None:
        return [f"column {kpi}: never changes in the modelled weeks: there is nothing to explain"]
    geo, remedy = (
        ("geo", "leave it out: delete its rows")
        if len(dead) == 1
        else ("geos", "leave them out: delete their rows")
    )
    return [
        f"column {kpi}: never changes in {geo} {listed(map(shown, dead), 20)}: {remedy}, or mark those to keep in a "
        "column and name it under `filter`"
    ]


def _levers_of_a_place(modelled: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Controls and treatments that differ between geos and never within one: each geo's level holds them already."""
    if spec.geo is None:
        return []
    return [
        f"column {column}: never changes within a geo in the modelled weeks: the geo's own level holds what it does: "
        f"take the {'control' if column in spec.controls else 'treatment'} out of the model"
        for column in levers(spec)
        if all(part[column].nunique() < 2 for _, part in _by_geo(modelled, spec))
    ]


def _jumps(rows: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Weeks in which a geo's population is far from its median."""
    if spec.geo is None or spec.geo.population is None:
        return []
    faults = []
    for geo, part in _by_geo(rows, spec):
        people = part[spec.geo.population]
        usual = float(people.median())
        off = (people / usual - 1).abs() > DRIFT
        if off.any():
            seen = listed(f"{value:.12g}" for value in people[off].unique())
            faults.append(
                f"column {spec.geo.population}: geo {shown(geo)} has {seen} in weeks "
                f"{weeks_of(part[off], spec, geos=False)} and {usual:.12g} in its median week: media and KPI are "
                f"modelled per head of the last week, and a population may drift by {DRIFT:.0%} at most: correct "
                "it, or state one figure for all weeks"
            )
    return faults


def _closed(modelled: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Weeks without KPI and without media, in a geo that sells in every other week, which nothing in the model names.

    They are outliers that coincide with media: the model takes them for media's effect, or its chains disagree.
    """
    media = [channel.media_column for channel in spec.channel_specs]
    media += [channel.spend for channel in spec.media.channels.values()]
    faults = []
    for geo, part in _by_geo(modelled, spec):
        weeks = pd.DatetimeIndex(part[spec.time.column])
        kpi = part[spec.kpi.column].to_numpy()
        idle = (kpi == 0) & (part[media].to_numpy() == 0).all(axis=1)
        closed = idle.copy()
        for happens in event_indicators(weeks, spec).values():
            closed &= happens == 0
        if closed.sum() < CLOSED_FROM or not _far_from_zero(kpi[~idle & np.isfinite(kpi)]):
            continue
        indicators = [
            *step_indicators(weeks, spec).values(),
            *(part[column].to_numpy() for column in levers(spec)),
        ]
        if any(not np.isin(values[~idle], values[closed]).any() for values in indicators):
            continue
        place = f" of geo {shown(geo)}" if geo else ""
        event = f"name them as an event (`baseline: {{events: {{closed: [{weeks[closed][0].date()}, ...]}}}}`), or "
        faults.append(
            f"column {spec.kpi.column}: 0 in {int(closed.sum())} weeks{place} and media with it "
            f"({weeks_of(part[closed], spec)}), far from every other week: {'' if geo else event}leave the KPI blank "
            f"there{'' if spec.kpi.gaps == 'leave_out' else ' and write `kpi: {gaps: leave_out}`'}"
        )
    return faults


def _near_zero(modelled: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Weeks too close to 0 for a logarithm, which no event names."""
    if spec.kpi.scale != "log":
        return []
    faults = []
    for geo, part in _by_geo(modelled, spec):
        kpi = part[spec.kpi.column]
        near = (kpi < NEAR_ZERO * kpi.mean()).to_numpy()
        for happens in event_indicators(pd.DatetimeIndex(part[spec.time.column]), spec).values():
            near &= happens == 0
        if near.any():
            place = f" of geo {shown(geo)}" if geo else ""
            after = part[spec.time.column][near].max() + pd.Timedelta(days=7)
            begin = f", or begin after them with `time: {{from: {after.date()}}}`"
            count = int(near.sum())
            faults.append(
                f"column {spec.kpi.column}: below {NEAR_ZERO:.0%} of the mean week{place} in "
                f"{count} week{'s' * (count > 1)} ({weeks_of(part[near], spec)}): errors of a logarithm multiply, and "
                "such weeks make a forecast explode: write `kpi: {scale: level}`"
                + begin
                * (after <= part[spec.time.column].iloc[len(part) // 2])
            )
    return faults


def _far_from_zero(kpi: np.ndarray) -> bool:
    """Whether 0 would be an outlier among these weeks: by their own level, and by how they move from week to week."""
    if len(kpi) < 3 or np.quantile(kpi, 0.05) < np.median(kpi) / 2:
        return False
    sd = np.diff(kpi).std() / np.sqrt(2)
    if (kpi == np.round(kpi)).all():  # counts: no surer than events at random
        sd = max(sd, np.sqrt(np.median(kpi)))
    return bool(np.median(kpi) > OUTLIER * sd)
