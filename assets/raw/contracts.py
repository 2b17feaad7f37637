"""What each source table must look like: columns, types, required cells, currencies, bounds.

A contract is data. `assets.raw.schema` turns it into the Pandera schema a file is checked with, the asset takes its
column documentation from it, and the loader the types it writes. Columns that a contract does not name are kept out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CURRENCIES = ("USD", "EUR", "GBP")
"""Currencies an account may bill in. A new one needs weekly rates in reference/exchange_rates."""

SQL_TYPES = {"text": "VARCHAR", "month": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "date": "DATE"}


@dataclass(frozen=True)
class Column:
    """A column of a source table.

    Attributes:
        kind: text, integer, number, date (a day, with or without a time of 00:00:00) or month (YYYY-MM).
        about: what it holds, with its unit.
        required: blank cells are refused.
        minimum, maximum: bounds of a number.
        allowed: the only values a text may have.
    """

    name: str
    kind: str
    about: str
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """A source table: landing/<source>/<table>/*.csv, loaded to raw.<source>__<table>.

    Attributes:
        grain: the columns that tell one row of a file from another; a file that repeats one is refused.
    """

    source: str
    table: str
    about: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return f"{self.source}__{self.table}"

    @property
    def folder(self) -> str:
        return f"{self.source}/{self.table}"


def _text(name: str, about: str, **more: Any) -> Column:
    return Column(name, "text", about, **more)


def _count(name: str, about: str, **more: Any) -> Column:
    return Column(name, "integer", about, minimum=0, **more)


def _amount(name: str, about: str, **more: Any) -> Column:
    return Column(name, "number", about, **{"minimum": 0, **more})


def _day(name: str, about: str) -> Column:
    return Column(name, "date", about)


def _currency(name: str, about: str = "Currency of the amounts, ISO 4217") -> Column:
    return _text(name, about, allowed=CURRENCIES)


_MARKET = _text("market", "Market, as in reference/geos")
_REGION = _text("region", "Geo inside the market, 'all' for the whole of it, as in reference/geos")
_WEEK = _day("week_start", "Monday of the ISO week")
_CAMPAIGN = (
    _text("campaign_id", "The platform's number of the campaign"),
    _text("campaign_name", "<market>_<geo>_<channel>_<objective>"),
)
_IMPRESSIONS = _count("impressions", "Times an ad was shown")
_CLICKS = _count("clicks", "Clicks on an ad")

_CONTRACTS = (
    Contract(
        "google_ads",
        "campaign_stats",
        "Google Ads: one row a day, campaign, device and network",
        ("customer_id", "date", "campaign_id", "device", "ad_network_type"),
        (
            _text("customer_id", "Google Ads account"),
            _currency("currency_code"),
            _day("date", "Day in the account's time zone"),
            *_CAMPAIGN,
            _text("device", "MOBILE, DESKTOP, ..."),
            _text("ad_network_type", "SEARCH, ..."),
            _IMPRESSIONS,
            _CLICKS,
            _count("cost_micros", "Spend in millionths of the account's currency"),
        ),
    ),
    Contract(
        "meta_ads",
        "campaign_insights",
        "Meta Ads: one row a day and campaign",
        ("account_id", "date_start", "campaign_id"),
        (
            _text("account_id", "Meta ad account"),
            _currency("account_currency"),
            _day("date_start", "First day of the row"),
            _day("date_stop", "Last day of the row, the same as date_start"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _count("reach", "People who saw an ad at least once", required=False),
            _count("inline_link_clicks", "Clicks on a link of an ad"),
            _amount("spend", "Spend in the account's currency"),
        ),
    ),
    Contract(
        "tiktok_ads",
        "campaign_report",
        "TikTok Ads: one row a day and campaign",
        ("advertiser_id", "stat_time_day", "campaign_id"),
        (
            _text("advertiser_id", "TikTok advertiser account"),
            _currency("currency"),
            _day("stat_time_day", "Day, written with a time of 00:00:00"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _CLICKS,
            _amount("spend", "Spend in the account's currency"),
        ),
    ),
    Contract(
        "linkedin_ads",
        "ad_analytics_by_campaign",
        "LinkedIn Ads: one row a day and campaign",
        ("account_id", "day", "campaign_id"),
        (
            _text("account_id", "LinkedIn ad account"),
            _currency("local_currency"),
            _day("day", "Day, written with a time of 00:00:00"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _CLICKS,
            _amount("cost_in_local_currency", "Spend in the account's currency"),
            _amount("cost_in_usd", "Spend in US dollars at LinkedIn's own rate", required=False),
        ),
    ),
    Contract(
        "tv",
        "invoices",
        "Television: one row an invoice line, station and week",
        ("invoice_id", "station", "market", "region", "week_commencing"),
        (
            _text("invoice_id", "Number of the invoice"),
            _text("station", "Broadcaster"),
            _MARKET,
            _REGION,
            _day("week_commencing", "Monday of the week on air"),
            _amount("grps", "Gross rating points delivered"),
            _amount("net_cost", "Cost after discounts, in the invoice's currency"),
            _currency("currency"),
        ),
    ),
    Contract(
        "ooh",
        "invoices",
        "Out of home: one row an invoice line, vendor and week",
        ("invoice_id", "vendor", "market", "region", "week_commencing"),
        (
            _text("invoice_id", "Number of the invoice"),
            _text("vendor", "Owner of the panels"),
            _MARKET,
            _REGION,
            _day("week_commencing", "Monday of the week on display"),
            _count("panels", "Panels booked"),
            _amount("contacts", "Contacts the panels made"),
            _amount("net_cost", "Cost after discounts, in the invoice's currency"),
            _currency("currency"),
        ),
    ),
    Contract(
        "shopify",
        "daily_orders",
        "Shop orders: one row a day, market and region",
        ("date", "market", "region"),
        (
            _day("date", "Day the orders were placed"),
            _MARKET,
            _REGION,
            _count("orders", "Orders placed"),
            _amount("gross_sales", "Sales before discounts and returns, in the shop's currency"),
            _amount("discounts", "Discounts given, in the shop's currency", minimum=None),
            _amount("returns", "Goods returned, in the shop's currency", minimum=None),
            _amount(
                "net_sales", "Gross sales less discounts and returns, in the shop's currency", minimum=None
            ),
            _currency("currency"),
        ),
    ),
    Contract(
        "brand_tracker",
        "monthly",
        "Brand survey: one row a month, market and metric",
        ("month", "market", "metric"),
        (
            Column("month", "month", "Month of the interviews, YYYY-MM"),
            _MARKET,
            _text("metric", "awareness or consideration"),
            _amount("value", "Share of respondents, 0 to 1", maximum=1),
            _count("sample_size", "Respondents"),
        ),
    ),
    Contract(
        "competitor",
        "weekly",
        "Competitors: one row a week and market",
        ("week_start", "market"),
        (_WEEK, _MARKET, _amount("competitor_spend", "Media spend of competitors, US dollars")),
    ),
    Contract(
        "macro",
        "weekly",
        "Economy: one row a week and market",
        ("week_start", "market"),
        (_WEEK, _MARKET, _amount("consumer_confidence", "Consumer confidence index", minimum=None)),
    ),
    Contract(
        "experiments",
        "lift_tests",
        "Lift tests: one row a test",
        ("test_id",),
        (
            _text("test_id", "Name of the test"),
            _MARKET,
            _text("channel", "Channel that was tested"),
            _text("geos", "Geos that were treated, separated by ';', or 'all'"),
            _day("start_date", "First day of the test"),
            _day("end_date", "Last day of the test"),
            _text("design", "How the test was made: geo holdout, ..."),
            _amount("incremental_revenue", "Revenue caused by the tested spend, US dollars", minimum=None),
            _amount("standard_error", "Standard error of it, US dollars"),
            _amount("spend_actual", "Spend during the test, US dollars"),
            _amount("spend_counterfactual", "Spend there would have been without it, US dollars"),
            _text("status", "Review of the test", allowed=("approved", "rejected", "pending")),
        ),
    ),
    Contract(
        "reference",
        "geos",
        "Geos: one row a market and geo",
        ("market", "geo"),
        (
            _MARKET,
            _text("geo", "Code of the geo, 'all' for a market that is modelled as one"),
            _text("geo_name", "Name of the geo"),
            _amount("population", "People who live there"),
        ),
    ),
    Contract(
        "reference",
        "exchange_rates",
        "Exchange rates: one row a week and currency",
        ("week_start", "currency"),
        (_WEEK, _text("currency", "Currency, ISO 4217"), _amount("rate_to_usd", "US dollars for one unit")),
    ),
)

CONTRACTS: Mapping[str, Contract] = {contract.name: contract for contract in _CONTRACTS}

WEEKLY_TABLES = Contract(
    "weekly_tables",
    "values",
    "Ready-made weekly tables, any columns: one row a table, week, geo and column",
    ("table_name", "week_start", "geo", "column_name"),
    (
        _text("table_name", "Name of the file without its ending"),
        _day("week_start", "The date the file gives the week, any weekday"),
        _text("geo", "The file's geo, 'all' where it has none"),
        _text("column_name", "Name of the column, as the file writes it"),
        _amount("value", "Its value; empty where the cell is blank", required=False, minimum=None),
    ),
)
"""Its files have columns of their own: see `assets.raw.weekly_tables`."""
