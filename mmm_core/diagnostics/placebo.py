"""Placebo channel: media that did nothing by construction. A model that credits them would credit anything.

The media of a real channel, cut into blocks of weeks and put together in another order, are added as one more channel
with the same prior. They spend as the real ones do, and have nothing to do with the KPI.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmm_core.data.table import check_table
from mmm_core.effects.roi import roi_draws, summarise
from mmm_core.errors import InputError, nearest
from mmm_core.inference.fit import fit
from mmm_core.model.beliefs import effect_beliefs
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress

NAME = "placebo"
BLOCK = 4
"""Weeks that stay together: flights keep their shape."""


@dataclass(frozen=True)
class Placebo:
    """What the model made of a channel that did nothing.

    Attributes:
        model: its name. approximate: what is approximate about its engine, "" where nothing is.
        like: the channel whose media were shuffled. seed: of the shuffle.
        kind: what the prior is on: roi, mroi, contribution or coefficient.
        prior, posterior: mean, median, sd, q05, q95 of it.
        share: posterior mean share of the outcome that the placebo was given; None where the outcome does not add up.
    """

    model: str
    approximate: str
    like: str
    seed: int
    kind: str
    prior: dict[str, float]
    posterior: dict[str, float]
    share: float | None

    @property
    def credited(self) -> bool:
        """Whether the data raised the placebo's effect above what its prior says: nothing was there to raise it."""
        return self.posterior["median"] > self.prior["median"]

    @property
    def words(self) -> str:
        """What it comes to."""
        names = {"roi": "ROI", "mroi": "marginal ROI", "contribution": "share", "coefficient": "coefficient"}
        words = f"a channel of noise with the media of {self.like}: median {names[self.kind]} "
        words += f"{self.posterior['median']:.2f} (90 % interval {self.posterior['q05']:.2f} to "
        words += f"{self.posterior['q95']:.2f}) from a prior of {self.prior['median']:.2f} ({self.prior['q05']:.2f} to "
        share = "" if self.share is None else f", {self.share:.1%} of the outcome"
        words += f"{self.prior['q95']:.2f}){share}: "
        if self.credited:
            words += "the model credits media that did nothing; repeat it with other seeds, and if it happens again "
            words += "look for what the baseline leaves out"
        elif self.posterior["median"] < 0.5 * self.prior["median"]:
            words += "the data took most of it away, as they should"
        else:
            words += "the data took some of it away, and cannot rule out its prior: nor could they for a real channel"
        return words + (f" (approximate engine: {self.approximate})" if self.approximate else "")


def placebo(
    table: pd.DataFrame,
    spec: ModelSpec,
    seed: int = 1,
    like: str | None = None,
    draws: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> Placebo:
    """Fit the model with a placebo channel.

    Args:
        table: the weekly table.
        seed: of the shuffle.
        like: paid channel whose media are shuffled; the one that spent most by default.
        draws: kept draws a chain.
        progress: told how far the fit is.

    Raises:
        InputError: the table was refused, or `like` is no paid channel.
    """
    shuffled, with_placebo, like = with_placebo_channel(table, spec, seed, like, source)
    tree = fit(shuffled, with_placebo, progress, source, draws=draws)
    posterior = Posterior.of(tree)
    belief = effect_beliefs(with_placebo, posterior.data)[with_placebo.channels.index(NAME)]
    metrics = roi_draws(posterior).sel(channel=NAME)
    if belief.kind == "coefficient":
        values = posterior.variables["coefficient"].sel(channel=NAME).mean("geo").to_numpy().ravel()
    else:
        metric = {"roi": "roi", "mroi": "mroi", "contribution": "contribution_share"}[belief.kind]
        values = metrics[metric].to_numpy()
    if belief.prior.family == "fixed":
        raise InputError(
            f"{spec.model}: the prior of {like} fixes its effect, a placebo like it can tell nothing"
        )
    stated = belief.prior.frozen()
    share = float(metrics["contribution_share"].mean())
    quantiles = dict(zip(("q05", "median", "q95"), map(float, stated.ppf([0.05, 0.5, 0.95])), strict=True))
    return Placebo(
        spec.model,
        posterior.approximate,
        like,
        seed,
        belief.kind,
        {"mean": float(stated.mean()), "sd": float(stated.std()), **quantiles},
        summarise(values),
        share if np.isfinite(share) else None,
    )


def with_placebo_channel(
    table: pd.DataFrame, spec: ModelSpec, seed: int, like: str | None = None, source: str = "table"
) -> tuple[pd.DataFrame, ModelSpec, str]:
    """The table and the specification with one more channel, and whose media it has.

    Blocks of weeks are shuffled alike in every geo, so that size and co-movement over geos stay.
    """
    rows = check_table(table, spec, source)
    spent = {name: float(rows[channel.spend].sum()) for name, channel in spec.media.channels.items()}
    like = max(spent, key=lambda name: spent[name]) if like is None else like
    if like not in spec.media.channels:
        raise InputError(f"'{like}' is no paid channel of {spec.model}: {nearest(like, spec.media.channels)}")
    if NAME in spec.channels:
        raise InputError(f"{spec.model} has a channel called '{NAME}' of its own: rename it")
    channel = spec.media.channels[like]
    weeks = rows[spec.time.column].nunique()
    order = shuffled_blocks(weeks, BLOCK, np.random.default_rng(seed))
    columns = {
        column: f"{NAME}_{column}" for column in dict.fromkeys([channel.spend, *channel.media_columns])
    }
    for column, new in columns.items():
        by_geo = rows[column].to_numpy().reshape(-1, weeks)  # check_table sorts by geo, then week
        rows[new] = by_geo[:, order].ravel()
    named = {
        key: columns[value]
        for key in ("spend", "exposure", "reach", "frequency")
        if (value := getattr(channel, key, None)) is not None
    }
    copied = channel.model_copy(update={**named, **({"group": None} if hasattr(channel, "group") else {})})
    media = spec.media.model_copy(update={"channels": {**spec.media.channels, NAME: copied}})
    return rows, spec.model_copy(update={"media": media}), like


def shuffled_blocks(length: int, block: int, rng: np.random.Generator) -> np.ndarray:
    """Positions 0..length-1 with blocks in random order and cut at a random place."""
    start = int(rng.integers(block))
    edges = [0, *range(start or block, length, block), length]
    blocks = [np.arange(a, b) for a, b in pairwise(edges) if b > a]
    return np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
