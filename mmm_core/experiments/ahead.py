"""The weeks in which an experiment would run: what is planned for them, and what each draw says a change would do.

The plan goes on as `mmm_core.effects.curves` has it: the media, prices and base of the last `budget: weeks` weeks come
again, as often as the weeks ahead need. An experiment adds to it, in its weeks, a multiple of the media that the
channel repeats there: a change of -1 switches it off, 1 doubles it. A channel that was off in those weeks repeats its
latest period with spend, which can only be switched on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.effects.curves import SpendResponse, discounted
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.predictor import Predictor


@dataclass(frozen=True)
class WeeksAhead:
    """The weeks after the data's last, in the table's units.

    Attributes:
        dates: (week,) as the table dates its weeks.
        modelled: (week,) position of the modelled week whose base and worth come again.
        exposure, repeated: (geo, week, channel), as planned, and one multiple of what an experiment changes.
        frequency: (geo, week, channel), relative to its mean; None where no channel has one.
        spend, repeated_spend: the same of spend, (geo, week, paid channel).
    """

    dates: pd.DatetimeIndex
    modelled: np.ndarray
    exposure: np.ndarray
    repeated: np.ndarray
    frequency: np.ndarray | None
    spend: np.ndarray
    repeated_spend: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, response: SpendResponse, weeks: int) -> WeeksAhead:
        """So many weeks, planned as the period of `response`."""
        data, media = posterior.data, posterior.media
        exposure, spend = data["exposure"].to_numpy(), data["spend"].to_numpy()
        length, period = exposure.shape[1], response.weeks
        again = np.arange(weeks) % period
        last = np.full(exposure.shape[2], length - period)
        source = last.copy()
        source[: spend.shape[2]] = (
            np.searchsorted(data["media_week"].to_numpy(), response.last_week) - period + 1
        )

        def picked(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
            columns = [values[:, start + again, channel] for channel, start in enumerate(starts)]
            return np.stack(columns, axis=-1)

        first = pd.Timestamp(data["week"].to_numpy()[-1]) + pd.Timedelta(days=7)
        paid = spend.shape[2]
        return cls(
            dates=pd.date_range(first, periods=weeks, freq="7D"),
            modelled=data.sizes["week"] - period + again,
            exposure=picked(exposure, last),
            repeated=picked(exposure, source),
            frequency=None if media.frequency is None else picked(media.frequency, source),
            spend=picked(spend, last[:paid]),
            repeated_spend=picked(spend, source[:paid]),
        )

    def tested(self, weeks: int, change: float) -> np.ndarray:
        """Media with every channel changed in the first weeks, (geo, week, channel)."""
        out = self.exposure.copy()
        out[:, :weeks] += change * self.repeated[:, :weeks]
        return np.maximum(out, 0.0)


@dataclass(frozen=True)
class Lift:
    """What one change of spend does, channel by channel, the others as planned: draws of outcome with it less without.

    Attributes:
        counted: (draw, geo, paid channel), in the weeks whose outcome the experiment counts.
        all: in all weeks into which it carries over, later ones counted less where the budget has a discount.
    """

    counted: np.ndarray
    all: np.ndarray


def lifts(
    predictor: Predictor,
    ahead: WeeksAhead,
    post_weeks: int,
    changes: Mapping[tuple[int, float], None],
    discount: float = 0.0,
) -> dict[tuple[int, float], Lift]:
    """Draws of the outcome that changes of so many weeks and such a size bring, by weeks and change.

    Args:
        discount: annual rate at which later outcome counts less in `Lift.all`; what is measured is what it is.
    """
    geos, paid = ahead.spend.shape[0], ahead.spend.shape[2]
    shape = (predictor.draws, geos, paid)
    out = {key: Lift(np.empty(shape), np.empty(shape)) for key in changes}
    worth = predictor.worth[:, ahead.modelled, None]
    counts = discounted(discount, len(ahead.modelled))[:, None]
    for which in predictor.chunks():
        planned = predictor.media_terms_ahead(which, ahead.exposure, ahead.frequency)
        if predictor.log:
            base = predictor.expected(predictor.baseline_terms(which), which)[..., ahead.modelled]
            expected = predictor.with_media(base, planned)[..., None]
        for (weeks, change), lift in out.items():
            tested = predictor.media_terms_ahead(which, ahead.tested(weeks, change), ahead.frequency)
            more = (tested - planned)[..., :paid]
            brought = (expected * np.expm1(more) if predictor.log else more) * worth
            lift.counted[which] = brought[:, :, : weeks + post_weeks].sum(axis=2)
            lift.all[which] = (brought * counts).sum(axis=2)
    return out


def planned_outcome(predictor: Predictor, ahead: WeeksAhead, weeks: int) -> np.ndarray:
    """Draws of the outcome expected of the plan, (draw, geo, week), of the first weeks ahead.

    The level stays where it was in the last week; controls, season and worth are those of the weeks that come again.
    """
    out = np.empty((predictor.draws, ahead.spend.shape[0], weeks))
    some = ahead.modelled[:weeks]
    for which in predictor.chunks():
        media = predictor.media_terms_ahead(which, ahead.exposure, ahead.frequency)[:, :, :weeks]
        level = predictor.level[which][:, None, -1:] * predictor.media.unit[:, None]
        base = predictor.baseline_terms(which, level=False)[..., some] + level
        out[which] = predictor.with_media(predictor.expected(base, which), media) * predictor.worth[:, some]
    return out
