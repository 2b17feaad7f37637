"""Attribution: the revenue that ad platforms and a web analytics tool claim for channels, with a bias that is known.

    claimed_ct = bias_c contribution_ct exp(0.1 e_t - 0.005),   e_t ~ Normal(0, 1)

A last click credits search with people who were on their way already; a platform that counts views claims buyers who
saw an ad and would have bought anyway; a last click on the web gives social networks little of what they did. Each seed
draws its own bias around what is usual of a report, and the truth keeps it. Analytics also reports channels that the
marketing tables do not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.simulate.draws import Draws
from mmm_core.simulate.market import Market
from mmm_core.simulate.media_exports import ACCOUNTS
from mmm_core.simulate.rows import DAY, RawTable, daily_stream, iso_days, split

COLUMNS = [
    "platform",
    "date_start",
    "date_stop",
    "market",
    "channel",
    "campaign_name",
    "attribution_model",
    "click_window_days",
    "view_window_days",
    "conversions",
    "conversion_value",
    "currency",
]
ANALYTICS = "ga4"
WITHOUT_MEDIA = {
    "email": 0.04,
    "direct": 0.30,
}  # of the shop's revenue, what analytics gives to other channels
WEEKLY_NOISE, SPREAD_OF_BIAS = 0.1, 0.2


@dataclass(frozen=True)
class Report:
    """How one report attributes revenue to one channel.

    bias: claimed by caused revenue that is usual, before each seed and market varies it.
    click_days, view_days: how long after a click or a view a purchase still counts; 0: views do not count.
    """

    platform: str
    channel: str
    model: str
    click_days: int
    view_days: int
    bias: float


REPORTS = (
    Report("google_ads", "search", "last_click", 30, 0, 1.9),
    Report("meta_ads", "meta", "last_touch", 7, 1, 1.5),
    Report("tiktok_ads", "tiktok", "last_touch", 7, 1, 1.3),
    Report("linkedin_ads", "linkedin", "last_touch", 30, 7, 0.8),
    Report(ANALYTICS, "search", "last_click", 90, 0, 1.6),
    Report(ANALYTICS, "meta", "last_click", 90, 0, 0.5),
    Report(ANALYTICS, "tiktok", "last_click", 90, 0, 0.3),
    Report(ANALYTICS, "linkedin", "last_click", 90, 0, 0.4),
)


def reports_of(market: Market) -> list[Report]:
    """The reports about channels that the market has."""
    channels = {channel.channel for channel in market.truth.channels}
    return [report for report in REPORTS if report.channel in channels]


def bias_of(market: Market, report: Report) -> float:
    """Claimed by caused revenue, as this seed has it for the report in the market."""
    drawn = Draws(market.seed, f"{market.name}/attribution").generator(_name(report)).standard_normal()
    return float(report.bias * np.exp(SPREAD_OF_BIAS * drawn))


def attribution_truth(market: Market, skip: int | None = None) -> pd.DataFrame:
    """One row a report and channel: the bias that was drawn, and what came of it over the table's weeks but the first
    `skip` (default l_max).

    Columns: platform, channel, attribution_model, bias, claimed and contribution (USD), realised_bias (claimed by
    contribution).
    """
    kept = slice(market.truth.l_max if skip is None else skip, None)
    rate = _rate(market)
    rows = []
    for report in reports_of(market):
        claimed = (_claimed_cents(market, report) / 100 * rate)[:, kept].sum()
        caused = market.truth.weekly["contribution"].sel(channel=report.channel).values[:, kept].sum()
        rows.append(
            {
                "platform": report.platform,
                "channel": report.channel,
                "attribution_model": report.model,
                "bias": bias_of(market, report),
                "claimed": float(claimed),
                "contribution": float(caused),
                "realised_bias": float(claimed / caused),
            }
        )
    return pd.DataFrame(rows)


def platform_reports(market: Market) -> RawTable:
    """What each report claims, a row a week: by campaign where a platform reports its own, by channel in analytics."""
    tables = [
        _by_channel(market, report) if report.platform == ANALYTICS else _by_campaign(market, report)
        for report in reports_of(market)
    ]
    tables += [_without_media(market, channel, share) for channel, share in WITHOUT_MEDIA.items()]
    rows = pd.concat(tables, ignore_index=True).sort_values("week", kind="stable", ignore_index=True)
    monday = market.window.dates[rows["week"].to_numpy()]
    rows["date_start"], rows["date_stop"] = iso_days(monday), iso_days(monday + 6 * DAY)
    rows["market"], rows["currency"] = market.name, market.currency
    return RawTable("attribution", "platform_reports", rows[COLUMNS], monday)


def _by_campaign(market: Market, report: Report) -> pd.DataFrame:
    """Rows week x geo x campaign of a platform, the campaigns named as in its own export."""
    cents = _claimed_cents(market, report).T  # (week, geo)
    goals = ACCOUNTS[report.channel].campaigns
    drawn = daily_stream(market, "attribution", _name(report), cents.shape[1], len(goals))
    parts = split(cents, np.array([share for _, share in goals]) * (0.7 + 0.6 * drawn))
    week, geo, goal = (axis.ravel() for axis in np.indices(parts.shape))
    geos = market.books["geo"].values
    names = np.array(
        [[f"{market.name}_{name}_{report.channel}_{label}" for label, _ in goals] for name in geos],
        dtype=object,
    )
    return _rows(market, report, week, parts.ravel(), channel=None, campaign=names[geo, goal])


def _by_channel(market: Market, report: Report) -> pd.DataFrame:
    """Rows week of analytics, which knows channels and no campaigns."""
    cents = _claimed_cents(market, report).sum(axis=0)
    return _rows(market, report, np.arange(len(cents)), cents, channel=report.channel, campaign=None)


def _without_media(market: Market, channel: str, share: float) -> pd.DataFrame:
    """Rows week of a channel that no marketing table knows."""
    report = Report(ANALYTICS, channel, "last_click", 90, 0, 1.0)
    sold = market.books["revenue_cents"].sum("geo").values
    cents = np.rint(share * sold * _swing(market, report)).astype(np.int64)
    return _rows(market, report, np.arange(len(cents)), cents, channel=channel, campaign=None)


def _rows(
    market: Market,
    report: Report,
    week: np.ndarray,
    cents: np.ndarray,
    channel: str | None,
    campaign: np.ndarray | None,
) -> pd.DataFrame:
    """Rows of one report, those without revenue left out; an order is worth what the shop's orders of the week were."""
    sold, orders = (market.books[name].sum("geo").values for name in ("revenue_cents", "orders"))
    rows = pd.DataFrame(
        {
            "week": week,
            "platform": report.platform,
            "channel": channel,
            "campaign_name": campaign,
            "attribution_model": report.model,
            "click_window_days": report.click_days,
            "view_window_days": report.view_days,
            "conversions": np.round(cents / (sold / orders)[week], 2),
            "conversion_value": cents / 100,
        }
    )
    return rows[rows["conversion_value"] > 0]


def _claimed_cents(market: Market, report: Report) -> np.ndarray:
    """Revenue that a report claims in the shop's currency, whole cents, (geo, week)."""
    caused = market.truth.weekly["contribution"].sel(channel=report.channel).values
    claimed = bias_of(market, report) * caused * _swing(market, report) / _rate(market)
    return np.rint(100 * claimed).astype(np.int64)


def _swing(market: Market, report: Report) -> np.ndarray:
    """Weekly noise of a report, (week,), mean 1."""
    draws = Draws(market.seed, f"{market.name}/attribution/weeks")
    noise = draws.normal(_name(report), market.window.last + 1)[market.window.indices]
    return np.asarray(np.exp(WEEKLY_NOISE * noise - WEEKLY_NOISE**2 / 2))


def _rate(market: Market) -> np.ndarray:
    """USD for one unit of the shop's currency, (week,)."""
    if market.currency == "USD":
        return np.ones(market.window.weeks)
    return np.asarray(market.books[f"{market.currency.lower()}_rate"].values)


def _name(report: Report) -> str:
    return f"{report.platform} {report.channel}"
