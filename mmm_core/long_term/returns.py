"""Long-term return on investment: what media bring by way of the base, in revenue per unit of spend.

    long ROI = revenue per KPI x (sum over weeks 0 to H of discount^h M_h) x sum of media / sum of spend

M_h is the dynamic multiplier of the base. The sums run over the weeks of the spend, each with its full horizon after
it, and H and the discount are stated with the figure. The base is net of what the short-term model counts, so that
the total is their sum, draw by draw.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.long_term.multipliers import cumulative_multipliers, long_run_multipliers
from mmm_core.long_term.responses import WEEKS
from mmm_core.long_term.variables import BASE


def long_term_roi(
    draws: xr.Dataset,
    spend: pd.DataFrame | None = None,
    *,
    response: str = BASE,
    revenue_per_kpi: float | xr.DataArray = 1.0,
    horizon: int | None = WEEKS,
    discount: float = 0.0,
) -> xr.DataArray:
    """Draws of each channel's long-term ROI.

    Args:
        draws: of `fit_bvar`, with the base among its variables, in the KPI's units.
        spend: what the media cost, a column a channel, indexed by week: of weeks that the media cover. None where
            media are in spend themselves.
        response: the variable that is the base.
        revenue_per_kpi: mean revenue of one more unit of the base over the weeks that the effects come in; a figure a
            draw, (draw,), where it is one (`mmm_core.long_term.worth`).
        horizon: weeks after the spend whose effects count; None for all to come, without discount.
        discount: a year's rate.

    Returns:
        (draw, channel); attributes `horizon` (weeks, or "long run"), `discount`, `revenue_per_kpi`.

    Raises:
        InputError: spend lacks a channel or names weeks without media, a channel cost nothing, a discounted long run,
            or `response` is no variable.
    """
    names = [str(name) for name in draws["variable"].to_numpy()]
    if response not in names:
        raise InputError(f"the base '{response}' is no variable of the draws: known: {listed(names)}")
    if horizon is None and discount:
        raise InputError("a discounted return needs a horizon: name one, or leave the discount out")
    if horizon is None:
        brought = long_run_multipliers(draws)["long_run"]
    else:
        brought = cumulative_multipliers(draws, (horizon,), discount).isel(horizon=0, drop=True)
    found = brought.sel(response=response, drop=True) * _media_per_spend(draws, spend) * revenue_per_kpi
    return found.rename("long_term_roi").assign_attrs(
        horizon="long run" if horizon is None else horizon,
        discount=discount,
        revenue_per_kpi=float(np.mean(revenue_per_kpi)),
    )


def total_roi(short: xr.DataArray, long: xr.DataArray) -> xr.Dataset:
    """Short-term and long-term ROI and their sum, draw by draw.

    Args:
        short: (draw, channel), such as `roi_draws(tree)["roi"]`. long: of `long_term_roi`.
            The short-term draws that the base was taken from are found by the coordinate draw of the long-term ones.

    Returns:
        short, long and total (draw, channel), of the channels that both have; attributes of `long`.

    Raises:
        InputError: no channel in common, or a draw that the short-term figures lack.
    """
    channels = [name for name in long["channel"].to_numpy() if name in short["channel"].to_numpy()]
    if not channels:
        theirs = [listed(part["channel"].to_numpy()) for part in (short, long)]
        raise InputError(f"no channel is in both: short {theirs[0]}; long {theirs[1]}")
    wanted = long["draw"].to_numpy()
    known = short["draw"].to_numpy()  # without a coordinate, places from 0 on
    if not np.isin(wanted, known).all():
        raise InputError("the long-term draws are of other draws of the short-term model than those given")
    paired = short.assign_coords(draw=known).sel(draw=wanted, channel=channels)
    late = long.sel(channel=channels)
    parts = {"short": paired, "long": late, "total": paired + late}
    return xr.Dataset(
        {name: part.transpose("draw", "channel") for name, part in parts.items()}, attrs=long.attrs
    )


def _media_per_spend(draws: xr.Dataset, spend: pd.DataFrame | None) -> xr.DataArray:
    media = draws["media"]
    if spend is None:
        return xr.ones_like(media.isel(media_week=0, drop=True))
    missing = [str(name) for name in media["channel"].to_numpy() if name not in spend.columns]
    if missing:
        raise InputError(f"spend has no column {listed(missing)}")
    weeks = pd.DatetimeIndex(spend.index)
    unknown = weeks.difference(pd.DatetimeIndex(media["media_week"].to_numpy()))
    if len(unknown):
        days = listed(np.datetime_as_string(unknown.to_numpy(), "D"))
        raise InputError(f"spend names weeks without media ({days})")
    cost = spend[list(media["channel"].to_numpy())].sum()
    if not (cost > 0).all():
        raise InputError(
            f"channel {listed(cost.index[~(cost > 0)])} cost nothing in these weeks: it has no return"
        )
    return media.sel(media_week=weeks).sum("media_week") / xr.DataArray(cost.to_numpy(), dims="channel")
