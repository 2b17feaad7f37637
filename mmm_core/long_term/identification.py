"""What the data told of media's effects: how far they moved from their prior, in words.

    contraction = 1 - variance after / variance before

of the sum of a channel's direct coefficients in an equation. Before, its mean is 0 and its variance
E[Sigma_ii lambda_x^2] / sd_x^2 sum_l (1 + l)^-decay, with the noise Sigma_ii and the tightness lambda_x that were
learnt from everything: what the data told of this channel beyond how large effects are in general. Of two channels that
always move together only the sum is known, and each contracts by a half.

A contraction says how well the size is known, beside sizes that were thought possible. It says nothing of the sign: an
effect may be known to be small on either side of 0, or to be above 0 and of any size. So the share of draws on one side
of 0 is said too.

In the restricted model (`mmm_core.long_term.independent`) the prior does not know Sigma: the squared units of the prior
stand in the place of Sigma_ii, and of a coefficient whose sign is given the variance is that of half a normal.

A long-run multiplier has no such figure, as it has no variance before the data. It is known no better than the
coefficients it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from mmm_core.long_term.variables import UNIT_ROOT

WEAK = 0.6
"""A contraction below says that the prior still decides: two channels that move together stay below."""
NONE = 0.1
"""A contraction below says that the data told nothing."""
SURE = 0.95
"""Share of the draws on one side of 0 from which the sign is known: both ends of a 90 % interval lie there."""
HALF_NORMAL = 1 - 2 / np.pi
"""Variance of half a standard normal."""


@dataclass(frozen=True)
class Contraction:
    """What is known of a channel's direct effect on a variable.

    Attributes:
        channel, variable: names.
        contraction: from prior to posterior; below 0 where the data made it less certain.
        sure_of_sign: share of the draws on the side of 0 where most are.
        sign_given: whether that is what was asked for (`signs`), and no finding.
    """

    channel: str
    variable: str
    contraction: float
    sure_of_sign: float
    sign_given: bool = False

    @property
    def identified(self) -> bool:
        """Whether the data, and not the prior, decide how large it is."""
        return self.contraction >= WEAK

    @property
    def sentence(self) -> str:
        """In words."""
        about = f"{self.channel} directly on {self.variable}"
        sign = "sign given" if self.sign_given else f"sign {self.sure_of_sign:.0%} sure"
        known = f"contraction {self.contraction:.2f}, {sign}"
        sure = self.sure_of_sign >= SURE and not self.sign_given
        if self.contraction < NONE:
            return f"{about} is not identified ({known}): its figure is its prior's"
        if self.contraction < WEAK and sure:
            return f"{about}: the data tell its sign, and little of its size ({known}), which its prior still decides"
        if self.contraction < WEAK:
            return f"{about}: the data say little ({known}), its prior still decides"
        if sure or self.sign_given:
            return f"{about}: the data tell its effect ({known})"
        return f"{about}: the data narrow it down, and do not tell its sign ({known})"


def contractions(
    draws: xr.Dataset,
    prior: Minnesota | None = None,
    *,
    restricted: bool = False,
    signs: Mapping[str, Iterable[str]] | None = None,
) -> list[Contraction]:
    """Of every channel in every equation.

    Args:
        draws: of `fit_bvar`. prior: what it was fitted with.
        restricted: whether that was the prior of the restricted model.
        signs: for a channel the variables on which the sign of its effect was given.
    """
    prior = Minnesota() if prior is None else prior
    if isinstance(prior.media, GammaPrior):
        tight = draws["tightness"].sel(hyperparameter="media").to_numpy()
    else:
        tight = np.array([float(prior.media)])
    effect = draws["media_coefficient"].sum("media_lag").transpose("draw", "equation", "channel").to_numpy()
    decay = (1.0 + draws["media_lag"].to_numpy()) ** -prior.media_decay
    if restricted:
        noise = np.broadcast_to(draws["prior_scale"].to_numpy() ** 2, (len(tight), effect.shape[1]))
    else:
        noise = np.diagonal(draws["covariance"].to_numpy(), axis1=1, axis2=2)
    variables = [str(name) for name in draws["variable"].to_numpy()]
    channels = [str(name) for name in draws["channel"].to_numpy()]
    given = np.array(
        [[name in (signs or {}).get(channel, ()) for channel in channels] for name in variables], dtype=bool
    )
    before = (noise * tight[:, None] ** 2).mean(0)[:, None] * decay.sum()
    before = before / draws["media"].to_numpy().std(0) ** 2
    before = before * np.where(given, HALF_NORMAL, 1.0)
    contraction = 1 - effect.var(0, ddof=1) / before
    positive = np.mean(effect > 0, axis=0)
    return [
        Contraction(
            channel=channel,
            variable=variable,
            contraction=float(contraction[i, j]),
            sure_of_sign=float(max(positive[i, j], 1 - positive[i, j])),
            sign_given=bool(given[i, j]),
        )
        for j, channel in enumerate(channels)
        for i, variable in enumerate(variables)
    ]


def told_from_none(returns: pd.DataFrame) -> dict[str, bool]:
    """Of each channel, whether its long-term return is known to be on one side of 0.

    Args:
        returns: of `mmm_core.long_term.tables.roi`.
    """
    long = returns[(returns["effect"] == "long") & (returns["path"] == "all")]
    positive = long["positive"].to_numpy(dtype=float)
    told = (positive >= SURE) | (positive <= 1 - SURE)
    return dict(zip(long["channel"].astype(str), told, strict=True))


def stability_words(draws: xr.Dataset) -> str:
    """What share of the draws is stable, and what follows of that."""
    stable = float((draws["largest_root"] < 1).mean())
    if stable > 0.95:
        return f"{stable:.0%} of the draws are stable: effects die out, and their long-run sums exist"
    if stable >= 0.5:
        return (
            f"{stable:.0%} of the draws are stable: the long-run sums of the others do not exist and are left out, "
            "so that long-run figures are too small and too sure. Read those of a horizon"
        )
    return (
        f"only {stable:.0%} of the draws are stable: there is no long run. Read the figures of a horizon, or model the "
        f"change of what wanders ({UNIT_ROOT})"
    )
