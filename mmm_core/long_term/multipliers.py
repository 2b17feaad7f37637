"""What a unit of media brings to each variable, week by week and in the long run.

    M_h = dy_{t+h} / dx_t,   M_h = B_h + sum_l A_l M_{h-l}   (B_h = 0 past the media's lags)

The multiplier of a horizon H sums weeks 0 to H: H = 24 is the week of the media and 24 more. In the long run it is
(I - A_1 - ... - A_p)^{-1} (B_0 + ... + B_q). Of a draw with a root of 1 or above that sum does not exist; the figure
is then infinite in size and is given as nan, and with most draws so it is refused. A differenced variable's effect is
permanent: its responses are of its level, and `permanent` says where the level ends.

Effects reach a variable directly and through the others. Its equation splits them by where they enter it,

    M_h[i] = direct_h + sum_j via_j_h,   direct_h = B_h[i] + sum_l A_l[i, i] direct_{h-l},
    via_j_h = sum_l A_l[i, j] M_{h-l}[j] + sum_l A_l[i, i] via_j_{h-l},

which adds up. In a chain awareness -> consideration -> base, what began with awareness enters by consideration.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.coefficients import Coefficients
from mmm_core.long_term.responses import WEEKS, carried_on, in_levels, week_by_week
from mmm_core.long_term.variables import UNIT_ROOT
from mmm_core.threads import one_blas_thread

HORIZONS = (24, 52)
LEAST_STABLE = 0.95
"""Share of draws that must be stable before a mean over them may be acted on: a few that explode carry it."""
FEWEST_STABLE = 0.5
"""Share of stable draws below which there are no long-run figures."""
DIRECT = "direct"
SEARCHED = 520
"""Weeks in which half of the long-run effect is looked for."""


@one_blas_thread
def dynamic_multipliers(draws: xr.Dataset, horizon: int = WEEKS) -> xr.DataArray:
    """Effect of one unit of a channel's media in one week on every variable, so many weeks later.

    Returns:
        (draw, horizon, response, channel), in units of the variable for one of media; horizon 0 is the week itself.
    """
    found = _with_media(draws)
    return _labelled(_multipliers(found, horizon), draws)


@one_blas_thread
def cumulative_multipliers(
    draws: xr.Dataset, horizons: tuple[int, ...] = HORIZONS, discount: float = 0.0
) -> xr.DataArray:
    """Effect of one unit of media summed over the week itself and so many after it.

    Args:
        discount: a year's rate by which later weeks count less: a week counts (1 + discount)^(-1/52) of the one
            before.

    Returns:
        (draw, horizon, response, channel).
    """
    weekly = dynamic_multipliers(draws, max(horizons))
    total = (weekly * _worth(weekly["horizon"], discount)).cumsum("horizon")
    total = total.assign_coords(horizon=weekly["horizon"]).sel(horizon=list(horizons))
    return total.transpose(*weekly.dims).rename("cumulative_multiplier")


@one_blas_thread
def long_run_multipliers(draws: xr.Dataset) -> xr.Dataset:
    """The sum over all weeks to come, of each draw, and how soon half of it has come.

    Returns:
        long_run (draw, response, channel): nan in unstable draws and for differenced variables, whose sum has no end.
        permanent (draw, response, channel): where a differenced variable's level ends after one unit of media; 0 for
        others; nan in unstable draws.
        half_life (draw, response, channel): weeks until half of the long-run effect has come, the effect of each week
        spread evenly over it; nan where it changes its sign on the way, or takes over 520 weeks.
        Attribute `stable`, the share of stable draws.

    Raises:
        InputError: most draws are unstable.
    """
    found = _with_media(draws)
    stable = draws["largest_root"].to_numpy() < 1
    if stable.mean() < FEWEST_STABLE:
        raise InputError(
            f"{1 - stable.mean():.0%} of the draws are unstable (largest root 1 or above): effects never "
            f"die out and have no long-run sum. Read the multipliers of a horizon, model the change of what wanders "
            f"({UNIT_ROOT}), or centre the prior below 1"
        )
    variables = found.lags.shape[2]
    total = np.full((len(stable), variables, found.media.shape[-1]), np.nan)
    total[stable] = np.linalg.solve(np.eye(variables) - found.lags[stable].sum(1), found.media[stable].sum(1))
    moved = found.differenced[:, None]
    dims = ("draw", "response", "channel")
    long_run = np.where(moved, np.nan, total)
    return xr.Dataset(
        {
            "long_run": (dims, long_run),
            "permanent": (dims, np.where(np.isnan(total), np.nan, np.where(moved, total, 0.0))),
            "half_life": (dims, _half_life(found, long_run)),
        },
        coords={
            "draw": draws["draw"].to_numpy(),
            "response": draws["variable"].to_numpy(),
            "channel": draws["channel"].to_numpy(),
        },
        attrs={"stable": float(stable.mean())},
    )


@one_blas_thread
def multipliers_by_path(draws: xr.Dataset, response: str, horizon: int = WEEKS) -> xr.DataArray:
    """The dynamic multipliers of one variable, split by where the effect enters its equation.

    Args:
        response: a variable, such as the base.

    Returns:
        (draw, horizon, path, channel): path `direct`, then every other variable; they sum to the multiplier.
    """
    found = _with_media(draws)
    names = [str(name) for name in draws["variable"].to_numpy()]
    if response not in names:
        raise InputError(f"response must be a variable ({', '.join(names)}), got '{response}'")
    place = names.index(response)
    others = [position for position in range(len(names)) if position != place]
    plain = carried_on(found.lags, found.media, horizon)
    size = (len(plain), horizon + 1, len(names), found.media.shape[-1])
    entering = np.zeros(size)  # direct first, then by each other variable
    entering[:, : found.media.shape[1], 0] = found.media[:, : horizon + 1, place]
    for lag in range(1, min(found.lags.shape[1], horizon) + 1):
        weight = found.lags[:, lag - 1, place][:, others]
        entering[:, lag:, 1:] += weight[:, None, :, None] * plain[:, : horizon + 1 - lag][:, :, others]
    kept_up = found.lags[:, :, place, place][:, :, None, None]
    flat = entering.reshape(*size[:2], 1, -1)
    split = carried_on(kept_up, flat, horizon).reshape(size)
    if found.differenced[place]:
        split = np.cumsum(split, axis=1)
    return xr.DataArray(
        split,
        dims=("draw", "horizon", "path", "channel"),
        coords={
            "draw": draws["draw"].to_numpy(),
            "horizon": np.arange(horizon + 1),
            "path": [DIRECT, *(names[position] for position in others)],
            "channel": draws["channel"].to_numpy(),
        },
        name="multiplier_by_path",
        attrs={"response": response},
    )


@one_blas_thread
def effect_of_media(draws: xr.Dataset, media: xr.DataArray, extra: int = 0) -> xr.DataArray:
    """What a path of media brings to every variable, week by week, beside none.

    Args:
        media: (week, channel); the path, or what it differs by from another. extra: weeks to go on after its last.

    Returns:
        (draw, week_of_effect, response, channel): a channel's own part; they add up.
    """
    found = _with_media(draws)
    path = media.transpose("week", "channel").sel(channel=draws["channel"]).to_numpy()
    horizon = len(path) + extra - 1
    forcing = np.zeros((len(found.lags), horizon + 1, *found.media.shape[2:]))
    for lag in range(min(found.media.shape[1], horizon + 1)):
        late = path[: horizon + 1 - lag]
        forcing[:, lag : lag + len(late)] += found.media[:, lag][:, None] * late[:, None, :]
    effect = in_levels(carried_on(found.lags, forcing, horizon), found.differenced)
    return xr.DataArray(
        effect,
        dims=("draw", "week_of_effect", "response", "channel"),
        coords={
            "draw": draws["draw"].to_numpy(),
            "week_of_effect": np.arange(horizon + 1),
            "response": draws["variable"].to_numpy(),
            "channel": draws["channel"].to_numpy(),
        },
        name="effect_of_media",
    )


def discounted(weeks: np.ndarray, discount: float) -> np.ndarray:
    """What an effect so many weeks later is worth today, at a year's rate."""
    if not discount > -1:
        raise InputError(f"discount must be above -1 (0.1 is 10 % a year), got {discount}")
    return np.asarray((1 + discount) ** (-np.asarray(weeks) / 52))


def _worth(horizon: xr.DataArray, discount: float) -> xr.DataArray:
    return horizon.copy(data=discounted(horizon.to_numpy(), discount))


def _multipliers(found: Coefficients, horizon: int) -> np.ndarray:
    return in_levels(carried_on(found.lags, found.media[:, : horizon + 1], horizon), found.differenced)


def _half_life(found: Coefficients, long_run: np.ndarray) -> np.ndarray:
    """Weeks by which half of the sum has come, (draw, response, channel): linear within a week."""
    out = np.full(long_run.shape, np.nan)
    searched = np.flatnonzero(np.isfinite(long_run).any((1, 2)))
    for horizon in (WEEKS, SEARCHED):
        half, done = _half_time(found.lags[searched], found.media[searched], long_run[searched], horizon)
        out[searched] = half
        searched = searched[~done.all((1, 2))]
    return out


def _half_time(
    lags: np.ndarray, media: np.ndarray, total: np.ndarray, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """When the sums of some draws reach half of their totals, and whether that is known: both as `total`.

    A sum that turns back before never does; nan.
    """
    half = np.full(total.shape, np.nan)
    done = ~np.isfinite(total)
    before = np.zeros(total.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for week, now in enumerate(week_by_week(lags, media, horizon)):
            share = now / total
            after = before + share
            reached = ~done & (after >= 0.5)
            half[reached] = week + (0.5 - before[reached]) / share[reached]
            done |= reached | (share < -1e-12)
            if done.all():
                break
            before = after
    return half, done


def _with_media(draws: xr.Dataset) -> Coefficients:
    if not draws.sizes.get("channel"):
        raise InputError("the vector autoregression has no media: give fit_bvar a table of media")
    return Coefficients.of(draws)


def _labelled(response: np.ndarray, draws: xr.Dataset) -> xr.DataArray:
    return xr.DataArray(
        response,
        dims=("draw", "horizon", "response", "channel"),
        coords={
            "draw": draws["draw"].to_numpy(),
            "horizon": np.arange(response.shape[1]),
            "response": draws["variable"].to_numpy(),
            "channel": draws["channel"].to_numpy(),
        },
        name="dynamic_multiplier",
    )
