"""Words that columns are named by: what a name says of its role, and of which channel it is.

English words, their usual abbreviations, and the endings of Robyn's tables (`tv_S` spend, `facebook_I` impressions,
`search_clicks_P` clicks). A name is a guess: values decide where they contradict it (`mmm_core.first_model.roles`).
"""

from __future__ import annotations

import re

SPEND = frozenset(
    [
        "spend",
        "spends",
        "spent",
        "cost",
        "costs",
        "expense",
        "expenses",
        "expenditure",
        "adspend",
        "adcost",
        "investment",
        "invest",
        "budget",
        "mdsp",
    ]
)
NO_SPEND = frozenset(["per", "goods", "cogs", "shipping", "unit", "cpc", "cpm", "cpa", "competitor", "rival"])
"""Beside a word of spend: a price or a cost of something else."""

EXPOSURE = frozenset(
    [
        "impression",
        "impressions",
        "impr",
        "imps",
        "imp",
        "mdip",
        "view",
        "views",
        "grp",
        "grps",
        "trp",
        "trps",
        "contacts",
        "insertions",
        "sends",
        "sent",
        "deliveries",
        "delivered",
        "circulation",
        "plays",
        "streams",
        "opens",
        "ots",
        "exposure",
        "exposures",
    ]
)
CLICKS = frozenset(["click", "clicks"])
ANSWERS = CLICKS | {"clicked", "open", "opens", "opened"}
"""What people do who were reached."""
REACH = frozenset(["reach"])
FREQUENCY = frozenset(["frequency", "freq"])
ENDINGS = {"S": "spend", "I": "exposure", "P": "clicks"}
"""Robyn's: a capital after the last underscore."""

MONEY = frozenset(["revenue", "revenues", "sales", "turnover", "gmv", "income", "proceeds", "takings"])
COUNTS = frozenset(
    [
        "conversion",
        "conversions",
        "order",
        "orders",
        "purchase",
        "purchases",
        "transaction",
        "transactions",
        "units",
        "quantity",
        "qty",
        "signup",
        "signups",
        "leads",
        "installs",
        "subscriptions",
        "subscribers",
        "bookings",
        "quotes",
        "registrations",
        "sold",
    ]
)
OUTCOME = frozenset(["y", "kpi", "target", "outcome", "response", "dependent", "dv"])
"""A KPI that says nothing of its unit."""
WHOLE, PART = (
    frozenset(["total", "all", "net", "overall"]),
    frozenset(["first", "new", "returning", "repeat", "existing"]),
)

PRICE_OF_UNIT = frozenset(["aov", "arpu", "asp"])
VALUE = frozenset(["price", "value", "amount", "revenue", "sales"])

COMPETITOR = frozenset(["competitor", "competitors", "competition", "competitive", "rival", "rivals"])
CONTROL = frozenset(
    [
        "control",
        "controls",
        "gqv",
        "confidence",
        "sentiment",
        "unemployment",
        "cpi",
        "gdp",
        "inflation",
        "temperature",
        "temp",
        "weather",
        "rain",
        "precipitation",
        "sunshine",
        "gas",
        "fuel",
        "me",
        "macro",
        "stores",
        "store",
        "st",
        "distribution",
        "trends",
        "index",
        "stockout",
        "stock",
        "lockdown",
        "covid",
    ]
)
TREATMENT = frozenset(
    [
        "price",
        "prices",
        "discount",
        "discounts",
        "promo",
        "promos",
        "promotion",
        "promotions",
        "markdown",
        "markdowns",
        "mrkdn",
        "offer",
        "offers",
        "coupon",
        "coupons",
        "voucher",
        "vouchers",
    ]
)
PRICES = frozenset(["price", "prices"])
HOLIDAY = frozenset(
    ["hldy", "holiday", "holidays", "christmas", "xmas", "easter", "thanksgiving", "blackfriday"]
)
EVENT = frozenset(["event", "events"])
SEASON = frozenset(["seas", "season", "seasonal", "seasonality"])
CALENDAR = frozenset(
    [
        "year",
        "yr",
        "quarter",
        "qtr",
        "month",
        "mth",
        "day",
        "days",
        "dayofyear",
        "doy",
        "week",
        "wk",
        "prd",
        "period",
        "t",
        "trend",
        "idx",
        "id",
        "row",
        "nbr",
        "no",
        "number",
    ]
)
ORGANIC = frozenset(
    [
        "organic",
        "newsletter",
        "newsletters",
        "email",
        "emails",
        "sms",
        "push",
        "owned",
        "posts",
        "blog",
        "crm",
    ]
)
TRAFFIC = frozenset(
    [
        "direct",
        "branded",
        "brand",
        "organic",
        "referral",
        "site",
        "visits",
        "visit",
        "sessions",
        "session",
        "traffic",
    ]
)
POPULATION = frozenset(["population", "inhabitants", "people", "pop"])
MEDIA = frozenset(["media", "channel", "advert", "adverts", "advertising", "ads", "ad", "campaign"])

WEEK = frozenset(["week", "wk", "date", "day", "ds", "time", "weekstart", "start"])
STARTS, ENDS = (
    frozenset(["start", "strt", "begin", "beginning", "starting", "from", "commencing"]),
    frozenset(["end", "ending", "ended", "until", "to"]),
)
MARKET = frozenset(["market", "country", "brand", "product"])
GEO = frozenset(
    [
        "geo",
        "geos",
        "region",
        "regions",
        "state",
        "states",
        "dma",
        "market",
        "country",
        "city",
        "area",
        "store",
        "province",
        "location",
    ]
)


def tokens(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: parted at blanks and signs, and where a capital begins a word.

    >>> tokens("AwarenessVideo_impression"), tokens("revenue_per_conversion"), tokens("Channel0_spend")
    (('awareness', 'video', 'impression'), ('revenue', 'per', 'conversion'), ('channel0', 'spend'))
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", name)
    return tuple(word.lower() for word in re.findall(r"[^\W_]+", parted))


def ending(name: str) -> str:
    """The role that Robyn's endings give a name; "" without one."""
    found = re.search(r"_([A-Z])$", name)
    return ENDINGS.get(found.group(1), "") if found else ""


def stem(name: str) -> str:
    """What is left of a name without the words of media roles: the channel it is of.

    >>> stem("facebook_I"), stem("search_clicks_P"), stem("mdsp_dm"), stem("Channel3_reach")
    ('facebook', 'search', 'dm', 'channel3')
    """
    without = re.sub(r"_[A-Z]$", "", name) if ending(name) else name
    roles = SPEND | EXPOSURE | CLICKS | REACH | FREQUENCY
    return "_".join(word for word in tokens(without) if word not in roles)


def has(words: tuple[str, ...], vocabulary: frozenset[str]) -> bool:
    """Whether a name has a word of a vocabulary."""
    return not vocabulary.isdisjoint(words)
