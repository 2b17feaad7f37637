"""Lift tests replayed through the model: the likelihood of what they measured.

A test compares the media that there were with the media without it. Both go through the same carryover, saturation,
dates and geos, so that a short test on a long carryover, a scale-up, a test in three geos or one on two channels at
once all mean what they say. With x the change of the linear predictor in a geo and week, that of the outcome is

    value * x                  where the KPI is modelled in levels,
    outcome * (1 - exp(-x))    where its logarithm is: the same week, with the same noise, without the test,

summed over the tested geos and the weeks in which the outcome counted. The result is the measured lift with a Normal or
Student-t error. Media are worked out for those geos and weeks alone.

Where the effects of geos are integrated out, a test in some geos measures a sum of their own effects. In levels that is
linear in them and the test is a row of the integrated block (`mmm_core.model.deviation_rows`), its Student-t error a
scale mixture with a sampled weight a test; for a logarithm it is taken to first order around the common effect.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr

from mmm_core.data.arrays import last_day
from mmm_core.evidence.counterfactual import WithoutTest, without_test
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.model.deviation_rows import Rows
from mmm_core.model.media import MediaInput, MediaLayout, MediaModel, rows, saturated_media
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.transforms import adstock

TEST_WEIGHT = "lift_test_weight"
"""Site of the precisions of a Student-t error written as a scale mixture, (test,)."""

Array = Any  # of NumPy when prepared, of JAX inside a program


@dataclass(frozen=True)
class Replay:
    """What a program of replayed tests depends on, apart from numbers and their shapes.

    Attributes:
        channels: positions of the tested channels, in the model's order.
        layout: theirs.
        tests, cells: how many tests, and how many geos and weeks in which the outcome of one counted.
        log: the KPI's logarithm is modelled.
        heavy_tails: the error is Student-t.
    """

    channels: tuple[int, ...]
    layout: MediaLayout
    tests: int
    cells: int
    log: bool
    heavy_tails: bool


class ReplayNumbers(NamedTuple):
    """The numbers of replayed tests: arguments of the compiled programs.

    An entry is a channel in a geo and week of a test; every tested channel has as many, those of channels with fewer
    filled up with entries that do not count.
    """

    media: MediaInput  # as they were, then without the test: each entry a geo twice, the weeks its lags
    week: Array  # (tested channel, entry)
    cell: Array  # (tested channel, entry), which geo and week of which test
    in_geo: Array  # (tested channel, entry, geo), 1 in its geo
    in_test: (
        Array  # (tested channel, entry, test), 1 in its test; 0 for what fills up, and for tests not seen
    )
    value: Array  # (tested channel, entry), in errors of its test: outcome of one scaled unit of the linear predictor;
    # where a logarithm is modelled, the outcome there was
    unit: Array  # (), what one scaled unit is of the logarithm; 1 in levels
    measured: Array  # (test,), in units of its error
    error: Array  # (test,), the scale of its likelihood in the unit of its outcome
    nu: Array  # (), degrees of freedom of the error


def replay(
    tests: Sequence[WeighedTest],
    data: xr.Dataset,
    spec: ModelSpec,
    outcome_value: np.ndarray,
    left_out: Collection[str] = (),
) -> tuple[Replay, ReplayNumbers]:
    """The tests as a model replays them, in the order of their names.

    A test that is left out, or whose result was not known by the last week that is not held out, has its place and says
    nothing: neither its result nor what the model expects of it enters.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`.
        outcome_value: (geo, week), outcome of one scaled unit of the linear predictor.
        left_out: names of tests that the model must not see.

    Raises:
        InputError: a test that does not fit the model, see `mmm_core.evidence.counterfactual.without_test`.
    """
    tests = sorted(tests, key=lambda weighed: weighed.test.test_id)
    without = [without_test(weighed.test, data) for weighed in tests]
    media = MediaModel.of(data, spec)
    channels = tuple(sorted({channel for path in without for channel in path.channels}))
    layout = media.layout.of_channels(channels)
    log = spec.kpi.scale == "log"

    cells = [
        (number, geo, week)
        for number, path in enumerate(without)
        for geo in path.geos
        for week in path.counted
    ]
    entries: list[list[int]] = [
        [cell for cell, (number, _, _) in enumerate(cells) if channel in without[number].channels]
        for channel in channels
    ]
    most = max(map(len, entries))
    cell = np.array([[*some, *[some[0]] * (most - len(some))] for some in entries])
    counts = np.array([[1.0] * len(some) + [0.0] * (most - len(some)) for some in entries])
    test, geo, week = (np.array(column) for column in zip(*cells, strict=True))
    calibration = spec.calibration
    error = calibration.error_scale * np.array([weighed.standard_error for weighed in tests])
    seen = [
        weighed.test.known_on <= last_day(data) and weighed.test.test_id not in left_out for weighed in tests
    ]
    known = np.array(seen, dtype=float)
    return (
        Replay(channels, layout, len(tests), len(cells), log, calibration.likelihood == "student_t"),
        ReplayNumbers(
            media=_media_of_entries(
                media, layout, channels, without, test[cell], geo[cell], week[cell], data
            ),
            week=week[cell],
            cell=cell,
            in_geo=np.eye(data.sizes["geo"])[geo[cell]],
            in_test=np.diag(known)[test[cell]] * counts[..., None],
            value=(_value_of_cells(tests, cells, data, media, outcome_value, log) / error[test])[cell],
            unit=np.asarray(float(data["kpi_scale"]) if log else 1.0),
            measured=known * np.array([weighed.test.incremental for weighed in tests]) / error,
            error=error,
            nu=np.asarray(calibration.nu),
        ),
    )


def _value_of_cells(
    tests: Sequence[WeighedTest],
    cells: Sequence[tuple[int, int, int]],
    data: xr.Dataset,
    media: MediaModel,
    outcome_value: np.ndarray,
    log: bool,
) -> np.ndarray:
    """What a change in each cell is worth in the outcome that its test measured, (cell,)."""
    worth = data["revenue_per_kpi"].to_numpy()
    value = []
    for number, geo, week in cells:
        of_test = tests[number].test
        unit = outcome_value[geo, week] / (media.unit[geo] if log else 1.0)
        value.append(of_test.share * (unit / worth[geo, week] if of_test.outcome == "kpi" else unit))
    return np.array(value)


def _media_of_entries(
    media: MediaModel,
    layout: MediaLayout,
    channels: tuple[int, ...],
    without: Sequence[WithoutTest],
    test: np.ndarray,
    geo: np.ndarray,
    week: np.ndarray,
    data: xr.Dataset,
) -> MediaInput:
    """The media that carry into each entry, scaled: of all entries with their tests, then of all without.

    Args:
        test, geo, week: of each entry, (tested channel, entry).
    """
    history = data.sizes["media_week"] - data.sizes["week"]
    lags = layout.lags
    window = week[..., None] + history - np.arange(lags)[::-1]  # (channel, entry, lag), the longest lag first
    channel = np.array(channels)[:, None, None]
    both = (np.stack([path.tested for path in without]), np.stack([path.exposure for path in without]))
    paths = np.concatenate([path[test[..., None], geo[..., None], window, channel] for path in both], axis=1)
    paths = paths / np.tile(media.population[geo], 2)[..., None] / media.media_scale[channel]
    first = np.flatnonzero(layout.saturated_first)
    carried = np.flatnonzero(~np.array(layout.saturated_first))
    raw = paths[first]
    reach = np.ones_like(raw)
    if any(layout.has_frequency) and media.frequency is not None:
        by_reach = np.array(layout.has_frequency)[first][:, None, None]
        often = np.tile(media.frequency[geo[..., None], window, channel][first], (1, 2, 1))
        reach, raw = np.where(by_reach, raw, reach), np.where(by_reach, often, raw)
    return MediaInput(adstock.lagged(paths[carried], lags)[..., -1:], reach, raw)


def changed_response(
    plan: Replay, numbers: ReplayNumbers, shape: dict[str, jax.Array], multiplier: jax.Array | None
) -> jax.Array:
    """Response with what happened less that without the test, before the coefficient, (tested channel, entry).

    Both are worked out for the entries alone: reading the weeks' own responses would be a scatter in the gradient,
    which takes longer.

    Args:
        shape: of adstock and saturation by name, (channel,).
        multiplier: (week, channel), where effects vary.
    """
    own = {name: rows(value, plan.channels) for name, value in shape.items()}
    factual, otherwise = jnp.split(saturated_media(plan.layout, numbers.media, own)[..., 0], 2, axis=1)
    change = factual - otherwise
    if multiplier is not None:
        change = change * multiplier[numbers.week, jnp.array(plan.channels)[:, None]]
    return change


def lift(plan: Replay, numbers: ReplayNumbers, change: jax.Array, coefficient: jax.Array) -> jax.Array:
    """What each test would have measured without error, in units of its error, (test,).

    Args:
        change: of `changed_response`. coefficient: (geo, channel).
    """
    added = change * _of_entries(plan, numbers, coefficient)
    if plan.log:
        whole = _of_cells(plan, numbers, added)
        safe = jnp.where(whole == 0, 1.0, whole)
        # the channels of a test share a cell, whose outcome falls once: each takes its share of the fall
        added = added * jnp.where(whole == 0, numbers.unit, -jnp.expm1(-numbers.unit * safe) / safe)
    return jnp.einsum("cn,cnk->k", added * numbers.value, numbers.in_test)


def log_density(plan: Replay, numbers: ReplayNumbers, change: jax.Array, coefficient: jax.Array) -> jax.Array:
    """Log density of what the tests measured, coefficients known."""
    missed = numbers.measured - lift(plan, numbers, change, coefficient)
    error: Any = dist.StudentT(numbers.nu) if plan.heavy_tails else dist.Normal()
    return jnp.sum(error.log_prob(missed) - jnp.log(numbers.error))


def rows_of_deviations(
    plan: Replay, numbers: ReplayNumbers, change: jax.Array, coefficient: jax.Array
) -> Rows:
    """The tests as measurements of the geos' own effects, around a common one; samples the weights of a heavy tail.

    Args:
        coefficient: (geo, channel), the common effect in each geo.
    """
    weight = change * numbers.value
    if plan.log:
        added = change * _of_entries(plan, numbers, coefficient)
        weight = weight * numbers.unit * jnp.exp(-numbers.unit * _of_cells(plan, numbers, added))
    design = jnp.einsum("cng,cnk->kgc", weight[..., None] * numbers.in_geo, numbers.in_test)
    if len(plan.channels) < coefficient.shape[1]:
        design = design @ jnp.eye(coefficient.shape[1], dtype=design.dtype)[jnp.array(plan.channels)]
    variance = jnp.ones(plan.tests, change.dtype)
    if plan.heavy_tails:
        half = numbers.nu / 2
        weights = numpyro.sample(TEST_WEIGHT, dist.Gamma(half, half).expand([plan.tests]).to_event(1))
        variance = 1 / weights
    return Rows(design, numbers.measured - lift(plan, numbers, change, coefficient), variance)


def scale_of_rows(numbers: ReplayNumbers) -> jax.Array:
    """What turns the density of `rows_of_deviations`, in units of the errors, into one of the measured outcomes."""
    return -jnp.sum(jnp.log(numbers.error))


def _of_entries(plan: Replay, numbers: ReplayNumbers, coefficient: jax.Array) -> jax.Array:
    """Coefficient of each entry, (tested channel, entry)."""
    return jnp.einsum("cng,cg->cn", numbers.in_geo, rows(coefficient.T, plan.channels))


def _of_cells(plan: Replay, numbers: ReplayNumbers, added: jax.Array) -> jax.Array:
    """Change of the scaled linear predictor in the cell of each entry, over the channels of its test."""
    counted = added * numbers.in_test.sum(-1)
    return jnp.zeros(plan.cells, added.dtype).at[numbers.cell].add(counted)[numbers.cell]
