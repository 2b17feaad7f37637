"""The truth of a simulated market, and replaying it under another spend plan.

The transforms are written here in NumPy on purpose: the truth shares no code with the model that is tested on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, nearest
from mmm_core.simulate.brand import response, sold_later

L_MAX = 8
BASELINE_PARTS = ("level", "seasonality", "holidays", "controls", "brand")


def adstock(media: np.ndarray, alpha: float, l_max: int = L_MAX) -> np.ndarray:
    """Normalised geometric adstock along the first axis, shape as `media`.

    out_t = sum_l w_l media_(t-l), w_l = alpha^l / sum_j alpha^j, l = 0..l_max; media before the first entry counts as
    0, so the first l_max entries are right only where that is true.
    """
    weights = alpha ** np.arange(l_max + 1)
    carried = np.zeros(media.shape)
    for lag, weight in enumerate(weights / weights.sum()):
        carried[lag:] += weight * media[: len(media) - lag]
    return carried


def hill(media: np.ndarray, half_saturation: float, slope: float) -> np.ndarray:
    """media^slope / (half_saturation^slope + media^slope): 0 at 0, 1/2 at half_saturation, 1 at infinity."""
    powered = (media / half_saturation) ** slope
    return powered / (1 + powered)


@dataclass(frozen=True)
class ChannelTruth:
    """True parameters of one channel as realised over the table's weeks less the first l_max.

    roi: sum of contribution over sum of spend (both USD, beside it).
    half_saturation: in units of the mean weekly adstocked media per head, a plain mean over geo-weeks.
    half_saturation_media: the same in USD a week and head.
    coefficient: beta, USD a week and head at full saturation in a geo of average effect.
    geo_spread: eta, the standard deviation of log effects across geos; 0 in a national market.
    long_run_roi: what one USD brings by way of the brand in all weeks to come, beside `roi`, which has nothing of it.
    """

    channel: str
    alpha: float
    half_saturation: float
    slope: float
    roi: float
    contribution: float
    spend: float
    coefficient: float
    half_saturation_media: float
    geo_spread: float
    long_run_roi: float


@dataclass(frozen=True)
class MarketTruth:
    """What made a market's revenue.

    weekly: Dataset in USD over (geo, week, channel): contribution, brand_contribution (by way of the brand, of all
        media since the origin; their sum is what `brand` has of media), spend; over (geo, week): level (with the geo's
        intercept), seasonality, holidays, controls, brand, noise, revenue; population over (geo); consumer_confidence
        and competitor_spend over (week).
    history: spend of the l_max weeks before the table, DataArray (geo, week, channel), USD.
    geo_effect: exp(eta_c z_gc), DataArray (geo, channel); 1 in a national market.
    sigma, tau: standard deviations of the noise and of the level's weekly step, USD a week and head.
    consumer_confidence_effect, competitor_spend_effect: USD a week and head, for one index point and for one USD.
    """

    market: str
    seed: int
    channels: tuple[ChannelTruth, ...]
    weekly: xr.Dataset
    history: xr.DataArray
    geo_effect: xr.DataArray
    sigma: float
    tau: float
    consumer_confidence_effect: float
    competitor_spend_effect: float
    l_max: int = L_MAX

    def channel(self, name: str) -> ChannelTruth:
        """The truth of one channel. Raises InputError for an unknown name."""
        known = {channel.channel: channel for channel in self.channels}
        if name not in known:
            raise InputError(f"Market '{self.market}' has no channel '{name}': {nearest(name, known)}")
        return known[name]

    def roi(self, skip: int | None = None) -> pd.Series:
        """Contribution over spend by channel, leaving out the first `skip` weeks of the table (default l_max)."""
        kept = self.weekly.isel(week=slice(self.l_max if skip is None else skip, None))
        totals = kept[["contribution", "spend"]].sum(["geo", "week"])
        return (totals["contribution"] / totals["spend"]).to_series()

    def contribution(self, spend: xr.DataArray) -> xr.DataArray:
        """Replay the truth: contributions in USD under another spend plan, dims and shape of `weekly.spend`.

        The media before the table stays what it was. Raises InputError when the plan has another shape.
        """
        self._check_plan(spend)
        heads = self.weekly["population"].values
        media = np.concatenate([self.history.values, spend.values], axis=1) / heads[:, None, None]
        effects = np.empty(spend.shape)
        for c, channel in enumerate(self.channels):
            carried = adstock(media[:, :, c].T, channel.alpha, self.l_max)[self.l_max :].T
            effects[:, :, c] = channel.coefficient * hill(
                carried, channel.half_saturation_media, channel.slope
            )
        return spend.copy(data=effects * heads[:, None, None] * self.geo_effect.values[:, None, :])

    def counterfactual(self, spend: xr.DataArray) -> xr.Dataset:
        """Weekly revenue under another spend plan, and what of it is lost in the short and in the long term.

        The media before the table, the noise and the brand's own swings stay what they were.

        Returns:
            Dataset in USD. short, long (geo, week, channel): lost beside what was, as `contribution` has it and by way
            of the brand; revenue (geo, week) = what was - short - long.

        Raises:
            InputError: the plan has another shape.
        """
        short = self.weekly["contribution"] - self.contribution(spend)
        less = (self.weekly["spend"] - spend).sum("geo").values
        sold = np.array([channel.long_run_roi for channel in self.channels]) * sold_later(less)
        people = (self.weekly["population"] / self.weekly["population"].sum()).values
        long = short.copy(data=people[:, None, None] * sold)
        revenue = self.weekly["revenue"] - (short + long).sum("channel")
        return xr.Dataset({"short": short, "long": long, "revenue": revenue})

    def without(self, channel: str) -> xr.Dataset:
        """`counterfactual` without a channel in all weeks of the table. Raises InputError for an unknown one."""
        spend = self.weekly["spend"].copy(deep=True)
        spend.loc[{"channel": self.channel(channel).channel}] = 0.0
        return self.counterfactual(spend)

    def long_term_roi(self, horizon: int) -> pd.Series:
        """What one USD brings by way of the brand in its week and `horizon` more, by channel."""
        share = response(horizon + 1).sum()
        return pd.Series({channel.channel: channel.long_run_roi * share for channel in self.channels})

    def channel_table(self) -> pd.DataFrame:
        """One row a channel: its true parameters."""
        return pd.DataFrame([vars(channel) for channel in self.channels])

    def weekly_table(self) -> pd.DataFrame:
        """Rows geo x week: baseline parts, `<channel>_contribution`, noise and revenue, in USD."""
        parts = self.weekly[[*BASELINE_PARTS, "noise", "revenue"]].to_dataframe()
        media = self.weekly["contribution"].to_series().unstack("channel")
        media = media[[channel.channel for channel in self.channels]].add_suffix("_contribution")
        table = pd.concat(
            [parts[[*BASELINE_PARTS]], media, parts[["noise", "revenue"]]], axis=1
        ).reset_index()
        return table.rename(columns={"week": "week_start"})

    def without_channel_table(self) -> pd.DataFrame:
        """Rows channel x week, geos summed: revenue as it was and without the channel, and what is lost, in USD."""
        rows = []
        for channel in self.channels:
            found = self.without(channel.channel).sum(["geo", "channel"]).to_dataframe()
            found = found.rename(columns={"revenue": "revenue_without"})[["short", "long", "revenue_without"]]
            found.insert(0, "channel", channel.channel)
            found["revenue"] = self.weekly["revenue"].sum("geo").to_series()
            rows.append(found)
        return pd.concat(rows).reset_index().rename(columns={"week": "week_start"})

    def _check_plan(self, spend: xr.DataArray) -> None:
        planned = self.weekly["spend"]
        if spend.dims != planned.dims or spend.shape != planned.shape:
            raise InputError(
                f"A spend plan needs the dimensions {planned.dims} and shape {planned.shape} of the market's spend; "
                f"this one has {spend.dims} and {spend.shape}."
            )
