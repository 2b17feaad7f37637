"""Raw exports of media: daily campaign tables of the ad platforms, weekly invoices of TV and OOH."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.simulate.draws import Draws
from mmm_core.simulate.market import Market
from mmm_core.simulate.rows import DAY, RawTable, daily_stream, identifier, iso_days, split


@dataclass(frozen=True)
class Account:
    """How a channel is run.

    campaigns: names of their goals, with their usual shares of spend.
    weekdays: what Monday to Sunday get, relative to each other.
    pause: how often a campaign stands still for a day; the first never does.
    """

    campaigns: tuple[tuple[str, float], ...]
    weekdays: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 1.1)
    pause: float = 0.03


ACCOUNTS = {
    "search": Account((("brand", 0.35), ("generic", 0.65)), (1.1, 1.1, 1.05, 1.0, 1.0, 0.9, 0.95), 0.0),
    "meta": Account((("prospecting", 0.6), ("retargeting", 0.4))),
    "tiktok": Account((("traffic", 0.55), ("conversions", 0.45)), pause=0.08),
    "linkedin": Account((("leads", 0.7), ("engagement", 0.3)), (1.0, 1.15, 1.15, 1.1, 0.8, 0.0, 0.0)),
}
INVOICED = {"tv": ("station", ("station_1", "station_2")), "ooh": ("vendor", ("vendor_1", "vendor_2"))}
GOOGLE_SEGMENTS = (
    ("MOBILE", "SEARCH", 0.58),
    ("DESKTOP", "SEARCH", 0.34),
    ("MOBILE", "SEARCH_PARTNERS", 0.05),
    ("DESKTOP", "SEARCH_PARTNERS", 0.03),
)


def campaign_days(market: Market, channel: str) -> pd.DataFrame:
    """Daily rows of a channel's campaigns, days without spend left out, sorted by date, geo, campaign.

    Columns: week, weekday, geo, campaign (numbers from 0); date, campaign_id, campaign_name; cents in the billing
    currency, impressions, clicks.
    """
    account = ACCOUNTS[channel]
    books = market.books.sel(channel=channel)
    geos, weeks = books["spend_cents"].shape
    campaigns = len(account.campaigns)

    def stream(name: str) -> np.ndarray:
        return daily_stream(market, channel, name, geos, campaigns, 7)

    def spread(recorded: str, weights: np.ndarray) -> np.ndarray:
        totals = books[recorded].values.T
        return split(totals, weights.reshape(weeks, geos, -1)).reshape(weeks, geos, campaigns, 7)

    shares = np.array([share for _, share in account.campaigns])[:, None]
    running = stream("pause") >= account.pause
    running[:, :, 0] = True
    cents = spread("spend_cents", shares * account.weekdays * running * (0.6 + 0.8 * stream("budget")))
    shown = spread("impressions", cents * (0.7 + 0.6 * stream("impressions")))
    clicked = spread("clicks", shown * (0.7 + 0.6 * stream("clicks")))

    order = (0, 3, 1, 2)  # week, weekday, geo, campaign
    spent = cents.transpose(order).ravel() > 0
    week, weekday, geo, campaign = (
        axis.ravel()[spent] for axis in np.indices((weeks, 7, geos, campaigns), dtype=np.int32)
    )
    names = np.array(
        [
            [f"{market.name}_{name}_{channel}_{goal}" for goal, _ in account.campaigns]
            for name in books["geo"].values
        ],
        dtype=object,
    )
    ids = np.array([[identifier(name, 12) for name in row] for row in names])
    return pd.DataFrame(
        {
            "week": week,
            "weekday": weekday,
            "geo": geo,
            "campaign": campaign,
            "date": market.window.dates[week] + weekday * DAY,
            "campaign_id": ids[geo, campaign],
            "campaign_name": names[geo, campaign],
            "cents": cents.transpose(order).ravel()[spent],
            "impressions": shown.transpose(order).ravel()[spent],
            "clicks": clicked.transpose(order).ravel()[spent],
        }
    )


def google_ads(market: Market) -> RawTable:
    """Campaign statistics: one row a day x campaign x device x network, cost in micros of the account's currency."""
    days = campaign_days(market, "search")
    geos, campaigns = market.books.sizes["geo"], len(ACCOUNTS["search"].campaigns)
    mix = daily_stream(market, "search", "segments", geos, campaigns, 7, len(GOOGLE_SEGMENTS))
    mix = mix[days["week"], days["geo"], days["campaign"], days["weekday"]]
    weights = np.array([share for *_, share in GOOGLE_SEGMENTS]) * (0.85 + 0.3 * mix)
    partner = np.array([network == "SEARCH_PARTNERS" for _, network, _ in GOOGLE_SEGMENTS])
    brand = (days["campaign"] == 0).to_numpy()
    weights[brand[:, None] & partner] = 0  # the brand campaign does not run there
    micros = split(10_000 * days["cents"].to_numpy(), weights)
    shown = split(days["impressions"].to_numpy(), weights)
    clicked = split(days["clicks"].to_numpy(), weights)

    row, segment = np.nonzero(micros)
    days = days.iloc[row]
    rows = pd.DataFrame(
        {
            "customer_id": identifier(f"google_ads {market.name}", 10),
            "currency_code": market.currency,
            "date": iso_days(days["date"]),
            "campaign_id": days["campaign_id"].values,
            "campaign_name": days["campaign_name"].values,
            "device": np.array([device for device, *_ in GOOGLE_SEGMENTS], dtype=object)[segment],
            "ad_network_type": np.array([network for _, network, _ in GOOGLE_SEGMENTS], dtype=object)[
                segment
            ],
            "impressions": shown[row, segment],
            "clicks": clicked[row, segment],
            "cost_micros": micros[row, segment],
        }
    )
    return RawTable("google_ads", "campaign_stats", rows, days["date"].to_numpy())


def meta_ads(market: Market) -> RawTable:
    """Campaign insights: one row a day x campaign; reach is people, so it is below impressions and does not add up."""
    days = campaign_days(market, "meta")
    day = iso_days(days["date"])
    rows = pd.DataFrame(
        {
            "account_id": identifier(f"meta_ads {market.name}", 15),
            "account_currency": market.currency,
            "date_start": day,
            "date_stop": day,
            "campaign_id": days["campaign_id"],
            "campaign_name": days["campaign_name"],
            "impressions": days["impressions"],
            "reach": np.rint(days["impressions"] ** 0.985).astype(np.int64),
            "inline_link_clicks": days["clicks"],
            "spend": days["cents"] / 100,
        }
    )
    return RawTable("meta_ads", "campaign_insights", rows, days["date"].to_numpy(), overlap_days=7)


def tiktok_ads(market: Market) -> RawTable:
    """Campaign report: one row a day x campaign, the day as a timestamp."""
    days = campaign_days(market, "tiktok")
    rows = pd.DataFrame(
        {
            "advertiser_id": identifier(f"tiktok_ads {market.name}", 18),
            "currency": market.currency,
            "stat_time_day": iso_days(days["date"]) + " 00:00:00",
            "campaign_id": days["campaign_id"],
            "campaign_name": days["campaign_name"],
            "impressions": days["impressions"],
            "clicks": days["clicks"],
            "spend": days["cents"] / 100,
        }
    )
    return RawTable("tiktok_ads", "campaign_report", rows, days["date"].to_numpy())


def linkedin_ads(market: Market) -> RawTable:
    """Ad analytics by campaign: weekdays only, cost in the account's currency with USD at the week's rate beside it."""
    days = campaign_days(market, "linkedin")
    currency = str(market.books["billing_currency"].sel(channel="linkedin").values)
    cost = days["cents"] / 100
    rows = pd.DataFrame(
        {
            "account_id": identifier(f"linkedin_ads {market.name}", 9),
            "local_currency": currency,
            "day": iso_days(days["date"]) + " 00:00:00",
            "campaign_id": days["campaign_id"],
            "campaign_name": days["campaign_name"],
            "impressions": days["impressions"],
            "clicks": days["clicks"],
            "cost_in_local_currency": cost,
            "cost_in_usd": (cost * market.books[f"{currency.lower()}_rate"].values[days["week"]]).round(6),
        }
    )
    return RawTable("linkedin_ads", "ad_analytics_by_campaign", rows, days["date"].to_numpy())


def invoices(market: Market, channel: str) -> RawTable:
    """Weekly invoices of TV or OOH: one line a week x region x seller; one nil line in a week dark everywhere."""
    seller, sellers = INVOICED[channel]
    books = market.books.sel(channel=channel)
    geos = books.sizes["geo"]
    draws = Draws(market.seed, f"{market.name}/{channel}")
    part = draws.uniform("sellers", market.window.last + 1, geos, len(sellers))[market.window.indices]
    weights = np.array([0.65, 0.35]) * (0.7 + 0.6 * part)
    cents = split(books["spend_cents"].values.T, weights)
    bought = split(books["impressions"].values.T, cents.astype(float))
    billed = cents > 0
    billed[:, 0, 0] |= ~billed.any(axis=(1, 2))
    week, geo, sold_by = np.nonzero(billed)
    monday = market.window.dates[week]
    regions = books["geo"].values.astype(object)[geo]
    day = iso_days(monday)
    number = [
        f"{channel.upper()}-{market.name}-{when.replace('-', '')}-{region}-{who + 1}"
        for when, region, who in zip(day, regions, sold_by, strict=True)
    ]
    rows = pd.DataFrame(
        {
            "invoice_id": number,
            seller: np.array(sellers, dtype=object)[sold_by],
            "market": market.name,
            "region": regions,
            "week_commencing": day,
        }
    )
    if channel == "tv":
        rows["grps"] = bought[billed] / 10
    else:
        rows["panels"] = -(-bought[billed] // 40_000)  # a panel is seen by some 40,000 people a week
        rows["contacts"] = bought[billed]
    rows["net_cost"] = cents[billed] / 100
    rows["currency"] = str(books["billing_currency"].values)
    return RawTable(channel, "invoices", rows, monday)
