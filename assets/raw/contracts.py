"""What each source table must look like: columns, types, required cells, currencies, bounds.

A contract is data. `assets.raw.schema` turns it into the Pandera schema a file is checked with, `assets.raw.periods`
checks the days its rows cover, the asset takes its documentation from it, and the loader the types it writes. Columns
that a contract does not name are kept out.
"""

from collections.abc import Mapping
from typing import Any

from assets.raw.contract import WEEK, Column, Contract, Period
from mmm_core.evidence.lift_test import DESIGNS, OUTCOMES, STATUSES

ATTRIBUTION_MODELS = (
    "last_click",
    "last_touch",
    "first_click",
    "linear",
    "time_decay",
    "position_based",
    "data_driven",
)
"""How a report gives a purchase to the ads before it; last_touch counts views beside clicks."""

CURRENCIES = ("USD", "EUR", "GBP")
"""Currencies an account may bill in. A new one needs weekly rates in reference/exchange_rates."""


def _text(name: str, about: str, **more: Any) -> Column:
    return Column(name, "text", about, **more)


def _id(name: str, about: str) -> Column:
    return _text(name, about, spelling="id")


def _code(name: str, about: str, **more: Any) -> Column:
    return _text(name, about, spelling="lower", **more)


def _label(name: str, about: str) -> Column:
    return _text(name, about, spelling="upper")


def _count(name: str, about: str, **more: Any) -> Column:
    return Column(name, "integer", about, **{"minimum": 0, "over_days": "sum", **more})


def _amount(name: str, about: str, **more: Any) -> Column:
    return Column(name, "number", about, **{"minimum": 0, "over_days": "sum", **more})


def _level(name: str, about: str, **more: Any) -> Column:
    """A figure that does not add up: an index, a rate, a share."""
    return Column(name, "number", about, **{"minimum": 0, **more})


def _day(name: str, about: str, **more: Any) -> Column:
    return Column(name, "date", about, **more)


def _currency(name: str, about: str = "Currency of the amounts, ISO 4217", **more: Any) -> Column:
    return _text(name, about, allowed=CURRENCIES, spelling="upper", **more)


def _amounts(name: str, about: str, **more: Any) -> Column:
    """Amounts separated by ';', one a channel."""
    return Column(name, "amounts", about, **more)


_MAY_LACK: Mapping[str, Any] = {"required": False, "may_lack": True}

_MARKET = _code("market", "Market, as in reference/geos")
_REGION = _code("region", "Geo inside the market, 'all' for the whole of it, as in reference/geos")
_WEEK = _day("week_start", "Monday of the ISO week")
_MONDAYS = Period("week_start", days=WEEK, spread=False)
_INVOICED_WEEK = Period("week_commencing", days=WEEK)
_CAMPAIGN = (
    _id("campaign_id", "The platform's number of the campaign"),
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
            _id("customer_id", "Google Ads account"),
            _currency("currency_code"),
            _day("date", "Day in the account's time zone"),
            *_CAMPAIGN,
            _label("device", "MOBILE, DESKTOP, ..."),
            _label("ad_network_type", "SEARCH, ..."),
            _IMPRESSIONS,
            _CLICKS,
            _count("cost_micros", "Spend in millionths of the account's currency"),
        ),
        period=Period("date"),
        amount="cost_micros",
    ),
    Contract(
        "meta_ads",
        "campaign_insights",
        "Meta Ads: one row a day and campaign",
        ("account_id", "date_start", "campaign_id"),
        (
            _id("account_id", "Meta ad account"),
            _currency("account_currency"),
            _day("date_start", "First day of the row"),
            _day("date_stop", "Last day of the row"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _count("reach", "People who saw an ad at least once", required=False, over_days="lost"),
            _count("inline_link_clicks", "Clicks on a link of an ad"),
            _amount("spend", "Spend in the account's currency"),
        ),
        period=Period("date_start", stop="date_stop"),
        amount="spend",
    ),
    Contract(
        "tiktok_ads",
        "campaign_report",
        "TikTok Ads: one row a day and campaign",
        ("advertiser_id", "stat_time_day", "campaign_id"),
        (
            _id("advertiser_id", "TikTok advertiser account"),
            _currency("currency"),
            _day("stat_time_day", "Day, written with a time of 00:00:00"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _CLICKS,
            _amount("spend", "Spend in the account's currency"),
        ),
        period=Period("stat_time_day"),
        amount="spend",
    ),
    Contract(
        "linkedin_ads",
        "ad_analytics_by_campaign",
        "LinkedIn Ads: one row a day and campaign",
        ("account_id", "day", "campaign_id"),
        (
            _id("account_id", "LinkedIn ad account"),
            _currency("local_currency"),
            _day("day", "Day, written with a time of 00:00:00"),
            *_CAMPAIGN,
            _IMPRESSIONS,
            _CLICKS,
            _amount("cost_in_local_currency", "Spend in the account's currency"),
            _amount("cost_in_usd", "Spend in US dollars at LinkedIn's own rate", required=False),
        ),
        period=Period("day"),
        amount="cost_in_local_currency",
    ),
    Contract(
        "tv",
        "invoices",
        "Television: one row an invoice line, station and week",
        ("invoice_id", "station", "market", "region", "week_commencing"),
        (
            _label("invoice_id", "Number of the invoice"),
            _label("station", "Broadcaster"),
            _MARKET,
            _REGION,
            _day("week_commencing", "First day of the week on air"),
            _amount("grps", "Gross rating points delivered"),
            _amount("net_cost", "Cost after discounts, in the invoice's currency"),
            _currency("currency"),
        ),
        period=_INVOICED_WEEK,
        amount="net_cost",
    ),
    Contract(
        "ooh",
        "invoices",
        "Out of home: one row an invoice line, vendor and week",
        ("invoice_id", "vendor", "market", "region", "week_commencing"),
        (
            _label("invoice_id", "Number of the invoice"),
            _label("vendor", "Owner of the panels"),
            _MARKET,
            _REGION,
            _day("week_commencing", "First day of the week on display"),
            _count("panels", "Panels booked", over_days="same"),
            _amount("contacts", "Contacts the panels made"),
            _amount("net_cost", "Cost after discounts, in the invoice's currency"),
            _currency("currency"),
        ),
        period=_INVOICED_WEEK,
        amount="net_cost",
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
        period=Period("date"),
        amount="net_sales",
    ),
    Contract(
        "brand_tracker",
        "monthly",
        "Brand survey: one row a month, market and metric",
        ("month", "market", "metric"),
        (
            Column("month", "month", "Month of the interviews, YYYY-MM"),
            _MARKET,
            _code("metric", "awareness or consideration"),
            _level("value", "Share of respondents, 0 to 1", maximum=1),
            _count("sample_size", "Respondents", over_days="same"),
        ),
    ),
    Contract(
        "competitor",
        "weekly",
        "Competitors: one row a week and market",
        ("week_start", "market"),
        (_WEEK, _MARKET, _level("competitor_spend", "Media spend of competitors, US dollars")),
        period=_MONDAYS,
    ),
    Contract(
        "macro",
        "weekly",
        "Economy: one row a week and market",
        ("week_start", "market"),
        (_WEEK, _MARKET, _level("consumer_confidence", "Consumer confidence index", minimum=None)),
        period=_MONDAYS,
    ),
    Contract(
        "experiments",
        "lift_tests",
        "Lift tests: one row a test",
        ("test_id",),
        (
            _text("test_id", "Name of the test"),
            _MARKET,
            _code("channels", "Channels that were tested, separated by ';'"),
            _code("geos", "Geos that were treated, separated by ';', or 'all'"),
            _level(
                "population_share",
                "Of a national model's outcome, what the tested area stands for",
                **_MAY_LACK,
            ),
            _day("start_date", "First day on which spend differed"),
            _day("end_date", "Last day on which spend differed"),
            _count("post_weeks", "Whole weeks after that in which the outcome still counted", **_MAY_LACK),
            _code("design", "How the test was run", allowed=DESIGNS),
            _code("outcome", "What was measured; revenue where blank", allowed=OUTCOMES, **_MAY_LACK),
            _level(
                "incremental_outcome",
                "Outcome with the test less outcome without it",
                **_MAY_LACK,
                minimum=None,
            ),
            _level("roi", "In its place: that outcome by the spend tested", **_MAY_LACK, minimum=None),
            _level("cost_per_target", "In its place: spend tested by the units it brought", **_MAY_LACK),
            _level("standard_error", "Standard error of whichever is stated", **_MAY_LACK),
            _level("interval_low", "In its place: lower end of an interval", **_MAY_LACK, minimum=None),
            _level("interval_high", "Upper end of the interval", **_MAY_LACK, minimum=None),
            _level("interval_level", "Probability that it holds the truth", **_MAY_LACK, maximum=1),
            _amounts("spend_with", "Spend of each channel during the test"),
            _amounts("spend_without", "Spend of each there would have been without it"),
            _amounts("weekly_spend_without", "The same by week", **_MAY_LACK),
            _currency("currency", "Currency of spend and revenue; US dollars where blank", **_MAY_LACK),
            _text("source", "Who measured it", **_MAY_LACK),
            _day(
                "reported_date",
                "Day on which the result was known; the last one measured where blank",
                **_MAY_LACK,
            ),
            _level(
                "pre_period_error", "How far the comparison missed before the test, as a share", **_MAY_LACK
            ),
            _code("status", "What its source says of it", allowed=(*STATUSES, "pending"), **_MAY_LACK),
        ),
        period=Period("start_date", stop="end_date", spread=False),
    ),
    Contract(
        "attribution",
        "platform_reports",
        "Attribution: what a platform or analytics tool claims, one row a report, day or days, and campaign or channel",
        (
            "platform",
            "date_start",
            "market",
            "channel",
            "campaign_name",
            "attribution_model",
            "click_window_days",
            "view_window_days",
        ),
        (
            _code("platform", "Who reports: google_ads, meta_ads, ga4, ..."),
            _day("date_start", "First day of the row, by the day of the purchase"),
            _day("date_stop", "Last day of the row; the same for a row of one day"),
            _code("market", "Market; blank: as the campaign's name says", **_MAY_LACK),
            _code("channel", "Channel; blank: as the campaign's name says", **_MAY_LACK),
            _text(
                "campaign_name",
                "<market>_<geo>_<channel>_<objective>; blank in a row of a channel",
                **_MAY_LACK,
            ),
            _code("attribution_model", "How purchases are given to ads", allowed=ATTRIBUTION_MODELS),
            _count(
                "click_window_days",
                "Days after a click that count; blank: not known",
                **_MAY_LACK,
                over_days="same",
            ),
            _count(
                "view_window_days",
                "Days after a view that count, 0 where views do not; blank: not known",
                **_MAY_LACK,
                over_days="same",
            ),
            _amount("conversions", "Purchases, as the report counts them; may have decimals"),
            _amount("conversion_value", "Revenue of these purchases, in the account's currency"),
            _currency("currency"),
        ),
        period=Period("date_start", stop="date_stop"),
        amount="conversion_value",
    ),
    Contract(
        "reference",
        "geos",
        "Geos: one row a market and geo",
        ("market", "geo"),
        (
            _MARKET,
            _code("geo", "Code of the geo, 'all' for a market that is modelled as one"),
            _text("geo_name", "Name of the geo"),
            _level("population", "People who live there"),
        ),
    ),
    Contract(
        "reference",
        "exchange_rates",
        "Exchange rates: one row a week and currency",
        ("week_start", "currency"),
        (
            _WEEK,
            _text("currency", "Currency, ISO 4217", spelling="upper"),
            _level("rate_to_usd", "US dollars for one unit"),
        ),
        period=_MONDAYS,
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
        _code("geo", "The file's geo, 'all' where it has none"),
        _text("column_name", "Name of the column, as the file writes it"),
        _level("value", "Its value; empty where the cell is blank", required=False, minimum=None),
    ),
)
"""Its files have columns of their own: see `assets.raw.weekly_tables`."""
