"""From what is said of a channel's spend to its spend and media by geo and week.

Spend buys media at the price of the week that comes again, or where nothing was bought then, at that of the period;
shared out over geos as then. A share changes both alike; so does an amount over the horizon, which keeps the flighting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmm_core.effects.price_rise import bought, times_dearer
from mmm_core.errors import InputError, nearest
from mmm_core.scenarios.horizon import Horizon
from mmm_core.scenarios.repeated import Repeated
from mmm_core.spec.scenarios_spec import Part


@dataclass(frozen=True)
class MediaPath:
    """A channel over the planned weeks: spend, media (exposure or reach) and frequency or None, (geo, week) each.

    `dearer` is by how many times more the media cost than at the prices of the weeks that come again, (geo, week) or
    one number: what a `price_rise` does.
    """

    spend: np.ndarray
    media: np.ndarray
    frequency: np.ndarray | None
    dearer: np.ndarray | float = 1.0

    @property
    def usual_cost(self) -> np.ndarray:
        """What the media would have cost at the prices of the weeks that come again, (geo, week)."""
        return np.asarray(self.spend / self.dearer)


def repeat(channel: Repeated) -> MediaPath:
    """The weeks that come again, as they were."""
    return _path(channel, channel.spend.copy(), channel.media.copy())


def changed(
    channel: Repeated, parts: Sequence[Part], horizon: Horizon, geos: Sequence[str], where: str
) -> MediaPath:
    """The weeks that come again, with changes.

    Args:
        geos: of the model, in its order. where: opens messages.

    Raises:
        InputError: an unknown geo, a week outside of the horizon, or spend on a channel that never had any.
    """
    spend, media = channel.spend.copy(), channel.media.copy()
    for part, mask in zip(parts, horizon.masks(parts, where), strict=True):
        rows = geo_rows(part.geo, geos, where)
        weeks = np.arange(horizon.weeks) if mask is None else np.flatnonzero(mask)
        cells = np.ix_(rows, weeks)
        value = part.change.value
        if part.change.form == "share":
            # of all channels together, one that was off stays off
            if value > 0 and not spend[cells].any() and not where.endswith(".all"):
                raise InputError(
                    f"{where}: {channel.channel} had no spend in {channel.words}{_in_weeks(mask)}: {value:+.0%} of "
                    "nothing is nothing: write an amount"
                )
            spend[cells] *= 1 + value
            media[cells] *= 1 + value
        elif mask is None:
            spend[cells], media[cells] = _whole(channel, rows, value, where)
        else:
            for week in map(int, weeks):
                spend[rows, week], media[rows, week] = in_a_week(channel, rows, week, value, where)
    return _path(channel, spend, media)


def weekly(channel: Repeated, amounts: np.ndarray, where: str) -> MediaPath:
    """Spend of each week, (week,) for all geos together or (geo, week)."""
    geos, weeks = channel.spend.shape
    spend, media = np.zeros((geos, weeks)), np.zeros((geos, weeks))
    together = amounts.ndim == 1
    for rows in [np.arange(geos)] if together else [np.array([geo]) for geo in range(geos)]:
        for week in range(weeks):
            amount = float(amounts[week] if together else amounts[rows[0], week])
            spend[rows, week], media[rows, week] = in_a_week(channel, rows, week, amount, where)
    return _path(channel, spend, media)


def scaled(channel: Repeated, factor: np.ndarray, rise: float) -> MediaPath:
    """What an amount is spent as, its spend times `factor`, (geo,) or (1,), and its media by what that buys."""
    spend = channel.as_spend * factor[:, None]
    media = channel.as_media * np.asarray(bought(factor, rise))[:, None]
    return replace(_path(channel, spend, media), dearer=times_dearer(factor, rise)[:, None])


def dearer(channel: Repeated, path: MediaPath, rise: float, by_geo: bool = False) -> MediaPath:
    """The path with what its money buys where the price rises with spend over the horizon above that which comes again.

    Args:
        rise: power of the media bought by which the price rises (`mmm_core.effects.price_rise`).
        by_geo: whether each geo has a price of its own, as a budget by geo has it.
    """
    axis = 1 if by_geo else None
    usual, planned = (values.sum(axis=axis, keepdims=True) for values in (channel.as_spend, path.spend))
    times = times_dearer(np.where(usual > 0, planned / np.where(usual > 0, usual, 1.0), 0.0), rise)
    return replace(path, media=path.media / times, dearer=path.dearer * times)


def geo_rows(geo: str, geos: Sequence[str], where: str) -> np.ndarray:
    """Positions of a geo, or of all where it is "".

    Raises:
        InputError: the model does not have it.
    """
    if not geo:
        return np.arange(len(geos))
    if geo not in geos:
        one = "the model has one, which needs no name" if len(geos) == 1 else nearest(geo, geos)
        raise InputError(f"{where}: unknown geo '{geo}': {one}")
    return np.array([list(geos).index(geo)])


def in_a_week(
    channel: Repeated, rows: np.ndarray, week: int, amount: float, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Spend and media (geo,) that an amount buys in some geos and a week."""
    then = channel.spend[rows, week].sum()
    if then > 0:
        return channel.spend[rows, week] * (amount / then), channel.media[rows, week] * (amount / then)
    whole = channel.as_spend[rows].sum()
    if amount == 0:
        return np.zeros(len(rows)), np.zeros(len(rows))
    _refuse_unpriced(channel, whole, where)
    return (
        channel.as_spend[rows].sum(axis=1) * (amount / whole),
        channel.as_media[rows].sum(axis=1) * (amount / whole),
    )


def _whole(channel: Repeated, rows: np.ndarray, amount: float, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Spend and media (geo, week) of an amount over the horizon in some geos."""
    whole = channel.as_spend[rows].sum()
    if amount == 0:
        return np.zeros(channel.as_spend[rows].shape), np.zeros(channel.as_spend[rows].shape)
    _refuse_unpriced(channel, whole, where)
    return channel.as_spend[rows] * (amount / whole), channel.as_media[rows] * (amount / whole)


def _refuse_unpriced(channel: Repeated, spent: float, where: str) -> None:
    if spent <= 0:
        raise InputError(
            f"{where}: {channel.channel} never had any spend there: nothing says what money would buy: the nearest "
            "feasible figure is 0; a channel without history can be planned under `budget: new_channels`"
        )


def _in_weeks(mask: np.ndarray | None) -> str:
    return "" if mask is None else " that are named"


def _path(channel: Repeated, spend: np.ndarray, media: np.ndarray) -> MediaPath:
    if channel.frequency is None:
        return MediaPath(spend, media, None)
    known = np.isfinite(channel.frequency) & (channel.frequency > 0)
    return MediaPath(spend, media, np.where(known, channel.frequency, channel.usual))
