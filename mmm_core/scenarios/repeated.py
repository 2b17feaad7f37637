"""What a channel did in the weeks that come again, and what a unit of its spend bought there.

As a budget has it (`mmm_core.effects.curves`): the last weeks come again with their flighting, prices and split over
geos; of a channel that was off in them, those up to its last week with spend are what an amount of money is spent as.
Of an organic channel, media stand in the place of spend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mmm_core.effects.curves import Periods
from mmm_core.errors import InputError
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.horizon import YEAR, Horizon

LAST_PERIOD, LAST_YEAR = "last_period", "last_year"


@dataclass(frozen=True)
class Repeated:
    """A channel in the weeks that come again.

    Attributes:
        spend, media: (geo, week). media are exposure or reach, in the table's units.
        frequency: (geo, week), nan where nobody is reached; None of a channel without.
        usual: mean frequency, weighted by reach.
        as_spend, as_media: (geo, week) of the weeks that an amount is spent as; `spend` and `media` where there is any.
        words: which weeks those are, in words.
    """

    channel: str
    spend: np.ndarray
    media: np.ndarray
    frequency: np.ndarray | None
    usual: float
    as_spend: np.ndarray
    as_media: np.ndarray
    words: str


def repeated_channels(posterior: Posterior, horizon: Horizon, like: str) -> dict[str, Repeated]:
    """Every channel, paid ones first, in the weeks that come again.

    Raises:
        InputError: the data do not hold the same weeks of last year.
    """
    return repeated_before(posterior, posterior.data.sizes["media_week"], horizon.weeks, like)


def repeated_before(
    posterior: Posterior, length: int, weeks: int, like: str = LAST_PERIOD
) -> dict[str, Repeated]:
    """The same as it stood when the data held their first `length` weeks of media and no more.

    Args:
        length: media weeks that were known. weeks: that come again.
    """
    data, spec = posterior.data.isel(media_week=slice(0, length)), posterior.spec
    exposure = data["exposure"].to_numpy()
    paid = len(spec.paid)
    spend = np.concatenate([data["spend"].to_numpy(), exposure[..., paid:]], axis=-1)
    start, words = length - weeks, f"the last {plural(weeks, 'week')}"
    if like == LAST_YEAR:
        _refuse_years(posterior, weeks, length)
        start, words = length - YEAR, "the same weeks of last year"
    again = slice(start, start + weeks)
    periods = Periods.of(spend.sum(axis=0), weeks)
    out = {}
    for i, channel in enumerate(spec.channels):
        running = spend[:, again, i].sum() > 0
        source = again if running else slice(int(periods.start[i]), int(periods.start[i]) + weeks)
        frequency, usual = _frequency(posterior, data, i, source)
        out[channel] = Repeated(
            channel=channel,
            spend=spend[:, again, i],
            media=exposure[:, again, i],
            frequency=frequency,
            usual=usual,
            as_spend=spend[:, source, i],
            as_media=exposure[:, source, i],
            words=words,
        )
    return out


def _refuse_years(posterior: Posterior, weeks: int, length: int) -> None:
    if length < YEAR or weeks > YEAR:
        reason = (
            f"the data hold {plural(length, 'week')}, fewer than a year"
            if length < YEAR
            else f"a horizon of {plural(weeks, 'week')} reaches beyond a year: the nearest feasible figure is {YEAR} "
            "weeks"
        )
        raise InputError(
            f"model {posterior.model}: `like: last_year`: {reason}; or write `like: last_period`"
        )


def _frequency(
    posterior: Posterior, data: xr.Dataset, channel: int, weeks: slice
) -> tuple[np.ndarray | None, float]:
    if not posterior.spec.channel_specs[channel].frequency:
        return None, 0.0
    frequency, reach = (data[name].to_numpy()[..., channel] for name in ("frequency", "exposure"))
    reached = reach > 0
    people = float(reach[reached].sum())
    usual = float((frequency[reached] * reach[reached]).sum() / people) if people > 0 else 0.0
    return np.where(reached, frequency, np.nan)[:, weeks], usual
