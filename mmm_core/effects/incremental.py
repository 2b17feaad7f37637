"""What media brought: the expected outcome as it was, less that of a counterfactual in which some media differ.

Both sides are replayed through the whole model. Media before the changed weeks carry over into them on both sides
(carry-in), saturating what is bought there; what the changed weeks carry out after their end counts for as long as it
lasts, within the data or beyond them. A lift test is such a change: its weeks and geos, and the media without it.

In levels channels add up, so the change of several is the sum of each. Where the KPI's logarithm is modelled effects
multiply: `joint` is what changing all of them together does, `alone` what changing one does while the others stay, and
the sum of `alone` is not `joint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.plan import RECENT_WEEKS
from mmm_core.effects.curves import repeating
from mmm_core.effects.roi import summarise
from mmm_core.errors import InputError, nearest
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled, outcome_name
from mmm_core.posterior.predictor import Predictor


@dataclass(frozen=True)
class Counterfactual:
    """Media as they were and as they would have been, over the weeks of the data and those appended to them.

    Attributes:
        factual, exposure: (geo, week, channel), media history first.
        factual_frequency, frequency: (geo, week, channel), relative to its mean; None where no channel has one.
        changed: positions of the channels that differ.
        counted: (geo, modelled or appended week), whether the outcome counts.
        beyond: weeks appended.
    """

    factual: np.ndarray
    exposure: np.ndarray
    factual_frequency: np.ndarray | None
    frequency: np.ndarray | None
    changed: tuple[int, ...]
    counted: np.ndarray
    beyond: int


def incremental(
    tree: xr.DataTree | Posterior,
    start: Any = None,
    end: Any = None,
    multiplier: float | Mapping[str, float] = 0.0,
    *,
    exposure: xr.DataArray | None = None,
    frequency: xr.DataArray | None = None,
    geos: Sequence[str] | None = None,
    carry_out: bool = True,
    beyond: bool = False,
    again: int = 0,
    revenue: bool = True,
    draws: np.ndarray | None = None,
) -> xr.Dataset:
    """Draws of the outcome with media as they were less that with media changed in some weeks, geos and channels.

    Positive where the change takes media away. Media are what the model works on: exposure, or reach.

    Args:
        tree: a posterior.
        start, end: first and last changed week, by the table's dates; the whole of the data by default. Weeks of media
            history may be changed: what they carry into the modelled weeks counts.
        multiplier: what changed media are multiplied by: of every channel, or by channel, others staying as they are.
        exposure: a path to replace media by instead, in the table's units (reach of a channel with reach and
            frequency), over geo, media_week and channel or a part of each; what it leaves out or holds nan stays.
        frequency: the same for the frequency, in the table's units.
        geos: where media change and the outcome counts; everywhere by default.
        carry_out: count the weeks after `end` as well.
        beyond: count what carries out after the data too, over as many weeks as the longest lag. Base (for the
            logarithm) and worth of a unit are there their means of the last 13 weeks.
        again: how many of the data's last weeks media repeat there, over and over, on both sides; 0: none are bought.
        revenue: in revenue, where a unit of the KPI has one, or in the KPI's own units.
        draws: positions of the draws to use, chains one after the other; all by default.

    Returns:
        `alone` (draw, channel), of the channels that change, and `joint` (draw,), of all of them together. Attributes
        unit, start, end, approximate.

    Raises:
        InputError: weeks, geos or channels that the model does not have, negative media, a path with a multiplier, or
            nothing that changes.
    """
    posterior = Posterior.of(tree)
    predictor, data = posterior.predictor(draws), posterior.data
    if beyond and not carry_out:
        raise InputError("incremental: `beyond` counts what is carried out: it needs `carry_out`")
    change = _counterfactual(
        predictor, data, start, end, multiplier, exposure, frequency, geos, carry_out, beyond, again
    )
    worth = predictor.worth if revenue else np.ones_like(predictor.worth)
    worth = _appended(worth, change.beyond) * change.counted
    channels = list(change.changed)
    alone, joint = np.empty((predictor.draws, len(channels))), np.empty(predictor.draws)
    for which in predictor.chunks():
        was = predictor.media_terms(which, change.factual, change.factual_frequency)
        term = (was - predictor.media_terms(which, change.exposure, change.frequency))[..., channels]
        base = _appended(predictor.expected(predictor.baseline_terms(which), which), change.beyond)
        expected = predictor.with_media(base, was)
        alone[which] = np.einsum("ngtc,gt->nc", predictor.gain(expected, term), worth)
        joint[which] = np.einsum("ngt,gt->n", predictor.gain(expected, term.sum(-1)), worth)
    weeks = _window(data, start, end)
    return xr.Dataset(
        {"alone": (("draw", "channel"), alone), "joint": (("draw",), joint)},
        coords={"channel": [posterior.spec.channels[i] for i in channels]},
        attrs={
            "unit": outcome_name(posterior.spec) if revenue else posterior.spec.kpi.column,
            "start": str(weeks[0].date()),
            "end": str(weeks[-1].date()),
            "approximate": approximation(posterior),
        },
    )


def incremental_table(tree: xr.DataTree | Posterior, *args: Any, **options: Any) -> pd.DataFrame:
    """Summary of `incremental`, with its arguments.

    Returns:
        A row a changed channel, and one named `joint`: channel, mean, median, sd, q05, q95.
    """
    found = incremental(tree, *args, **options)
    rows = [
        {"channel": str(name), **summarise(found["alone"].sel(channel=name).to_numpy())}
        for name in found["channel"].to_numpy()
    ]
    return labelled(pd.DataFrame([*rows, {"channel": "joint", **summarise(found["joint"].to_numpy())}]), tree)


def _counterfactual(
    predictor: Predictor,
    data: xr.Dataset,
    start: Any,
    end: Any,
    multiplier: float | Mapping[str, float],
    exposure: xr.DataArray | None,
    frequency: xr.DataArray | None,
    geos: Sequence[str] | None,
    carry_out: bool,
    beyond: bool,
    again: int,
) -> Counterfactual:
    labels = data["exposure"]
    window = _window(data, start, end)
    within = labels["media_week"].isin(window) & labels["geo"].isin(_known("geo", geos, data))
    if exposure is None and frequency is None:
        other = labels.where(~within, labels * _factors(multiplier, data))
    elif multiplier != 0.0:
        raise InputError("incremental: name either a multiplier or a path of exposure and frequency")
    else:
        other = labels if exposure is None else _replaced(labels, exposure, within, "exposure")
    if (other < 0).any():
        raise InputError("incremental: negative media")
    often = other_often = data.get("frequency")
    moved = (other != labels).any(["geo", "media_week"]).to_numpy()
    if frequency is not None:
        if often is None:
            raise InputError(f"incremental: no channel of {predictor.spec.model} has a frequency")
        other_often = _replaced(often, frequency, within, "frequency")
        moved |= ((other_often != often) & other_often.notnull()).any(["geo", "media_week"]).to_numpy()
    if not moved.any():
        raise InputError(
            f"incremental: nothing changes between {window[0].date()} and {window[-1].date()}: the media there are "
            "none, or the counterfactual is what was"
        )
    after = predictor.media.layout.lags - 1 if beyond else 0
    weeks = pd.DatetimeIndex(data["week"].to_numpy())
    late = np.concatenate([weeks <= window[-1], np.zeros(after, dtype=bool)])
    counted = np.isin(data["geo"].to_numpy(), _known("geo", geos, data))[:, None] & (
        carry_out | late[None, :]
    )

    def longer(values: xr.DataArray, was: xr.DataArray, bought: float = 1.0) -> np.ndarray:
        """A path, then so many weeks of what was last, whatever the path."""
        known, past = (part.transpose("geo", "media_week", "channel").to_numpy() for part in (values, was))
        later = repeating(past[:, past.shape[1] - max(again, 1) :], after, axis=1)
        return np.concatenate([known, bought * later], axis=1)

    def relative(values: xr.DataArray | None) -> np.ndarray | None:
        if values is None or often is None:
            return None
        return np.asarray(longer(values, often) / data["frequency_scale"].to_numpy())

    bought = float(again > 0)
    return Counterfactual(
        factual=longer(labels, labels, bought),
        exposure=longer(other, labels, bought),
        factual_frequency=relative(often),
        frequency=relative(other_often),
        changed=tuple(int(i) for i in np.flatnonzero(moved)),
        counted=counted,
        beyond=after,
    )


def _window(data: xr.Dataset, start: Any, end: Any) -> pd.DatetimeIndex:
    weeks = pd.DatetimeIndex(data["media_week"].to_numpy())
    first = weeks[0] if start is None else pd.Timestamp(start)
    last = weeks[-1] if end is None else pd.Timestamp(end)
    for given in (first, last):
        if given not in weeks:
            raise InputError(
                f"incremental: {given.date()} is no date of the table's weeks, which go from {weeks[0].date()} to "
                f"{weeks[-1].date()}: write one of its dates"
            )
    if last < first:
        raise InputError(f"incremental: end {last.date()} is before start {first.date()}")
    return weeks[(weeks >= first) & (weeks <= last)]


def _known(what: str, given: Sequence[str] | None, data: xr.Dataset) -> list[str]:
    known = [str(value) for value in data[what].to_numpy()]
    for name in given or ():
        if name not in known:
            raise InputError(f"incremental: unknown {what} '{name}': {nearest(name, known)}")
    return known if given is None else list(given)


def _factors(multiplier: float | Mapping[str, float], data: xr.Dataset) -> xr.DataArray:
    """What each channel's media are multiplied by."""
    channels = [str(name) for name in data["channel"].to_numpy()]
    if isinstance(multiplier, Mapping):
        _known("channel", list(multiplier), data)
        factors = [float(multiplier.get(name, 1.0)) for name in channels]
    else:
        factors = [float(multiplier)] * len(channels)
    if min(factors) < 0:
        raise InputError(f"incremental: a multiplier must be 0 or more, got {min(factors):g}")
    return xr.DataArray(factors, dims="channel", coords={"channel": channels})


def _replaced(actual: xr.DataArray, path: xr.DataArray, within: xr.DataArray, what: str) -> xr.DataArray:
    """The actual values with those of a path where it has some, within the changed weeks and geos."""
    for dim in ("geo", "media_week", "channel"):
        if dim not in path.dims or not np.isin(path[dim].to_numpy(), actual[dim].to_numpy()).all():
            raise InputError(
                f"incremental: the path of {what} must be over geo, media_week and channel, labelled as the data are: "
                f"{dim} is not"
            )
    given = path.reindex_like(actual)
    return given.where(within & given.notnull(), actual)


def _appended(values: np.ndarray, beyond: int) -> np.ndarray:
    """Values (..., week) with their mean of the last weeks for each week appended."""
    after = values[..., -RECENT_WEEKS:].mean(axis=-1, keepdims=True)
    return np.concatenate([values, np.repeat(after, beyond, axis=-1)], axis=-1)
