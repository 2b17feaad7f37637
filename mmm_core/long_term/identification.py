"""What the data told of media's effects: how far they moved from their prior, in words.

    contraction = 1 - variance after / variance before

of the sum of a channel's direct coefficients in an equation. Before, its mean is 0 and its variance
E[Sigma_ii lambda_x^2] / sd_x^2 sum_l (1 + l)^-decay, with the noise Sigma_ii and the tightness lambda_x that were
learnt from everything: what the data told of this channel beyond how large effects are in general. Of two channels that
always move together only the sum is known, and each contracts by a half.

A long-run multiplier has no such figure, as it has no variance before the data. It is known no better than the
coefficients it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mmm_core.long_term.minnesota import GammaPrior, Minnesota

WEAK = 0.6
"""A contraction below says that the prior still decides: two channels that move together stay below."""
NONE = 0.1
"""A contraction below says that the data told nothing."""


@dataclass(frozen=True)
class Contraction:
    """What is known of a channel's direct effect on a variable.

    Attributes:
        channel, variable: names.
        contraction: from prior to posterior; below 0 where the data made it less certain.
        sure_of_sign: share of the draws on the side of 0 where most are.
    """

    channel: str
    variable: str
    contraction: float
    sure_of_sign: float

    @property
    def identified(self) -> bool:
        """Whether the data, and not the prior, decide."""
        return self.contraction >= WEAK

    @property
    def sentence(self) -> str:
        """In words."""
        about = f"{self.channel} on {self.variable}"
        known = f"contraction {self.contraction:.2f}, sign {self.sure_of_sign:.0%} sure"
        if self.contraction < NONE:
            return f"{about} is not identified ({known}): its figure is its prior's"
        if self.contraction < WEAK:
            return f"{about}: the data say little ({known}), its prior still decides"
        return f"{about}: the data tell its effect ({known})"


def contractions(draws: xr.Dataset, prior: Minnesota | None = None) -> list[Contraction]:
    """Of every channel in every equation.

    Args:
        draws: of `fit_bvar`. prior: what it was fitted with.
    """
    prior = Minnesota() if prior is None else prior
    if isinstance(prior.media, GammaPrior):
        tight = draws["tightness"].sel(hyperparameter="media").to_numpy()
    else:
        tight = np.array([float(prior.media)])
    effect = draws["media_coefficient"].sum("media_lag").transpose("draw", "equation", "channel").to_numpy()
    decay = (1.0 + draws["media_lag"].to_numpy()) ** -prior.media_decay
    noise = np.diagonal(draws["covariance"].to_numpy(), axis1=1, axis2=2)
    before = (noise * tight[:, None] ** 2).mean(0)[:, None] * decay.sum()
    before = before / draws["media"].to_numpy().std(0) ** 2
    contraction = 1 - effect.var(0, ddof=1) / before
    positive = np.mean(effect > 0, axis=0)
    return [
        Contraction(
            channel=str(channel),
            variable=str(variable),
            contraction=float(contraction[i, j]),
            sure_of_sign=float(max(positive[i, j], 1 - positive[i, j])),
        )
        for j, channel in enumerate(draws["channel"].to_numpy())
        for i, variable in enumerate(draws["variable"].to_numpy())
    ]


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
        f"only {stable:.0%} of the draws are stable: there is no long run. Read the figures of a horizon, or name the "
        "variables that wander in differenced="
    )
