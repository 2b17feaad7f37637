"""`built_connectors`: every connector's template and every real export of theirs, landed and built once.

One landing run and one build, by the real tools, hold what the tests of ad platforms, shops, web, CRM, offline media
and controls ask. Templates have days of January 2026, when no export has any.
"""

from pathlib import Path

import pandas as pd
import pytest

from assets.raw.connector import connector
from assets.raw.template import template
from tests.built_sources import BuiltSources, build_sources
from tests.connector_exports import EXPORTS, FILES

PLATFORMS = (
    "google_ads", "meta_ads", "microsoft_ads", "linkedin_ads", "tiktok_ads", "pinterest_ads",
    "snapchat_ads", "reddit_ads", "amazon_ads", "apple_search_ads", "x_ads", "display",
)  # fmt: skip
INVOICES = ("affiliate", "influencer", "podcast", "sponsorship", "radio", "print")
CONTROLS = ("weather", "holidays", "price_promotion", "stock_outs")
SHOPS = ("generic", "orders", "shopify_orders", "ga4", "hubspot", "klaviyo", *INVOICES, *CONTROLS)
TEMPLATES_FROM = "2026-01-01"

CANADIAN = 0.79
"""Rate of what the export of TikTok calls CAN."""

IN_PLACE_OF_ANOTHER = ("basic_ad", "basic_ad_actions", "basic_ad_action_values", "campaign_report_hourly")
"""Tables of a second way to export the same days: their templates are landed as another campaign's."""

HASHED_GB = "79cba1185463850dedba31f172f1dc5b"
"""As the export writes the country its British orders went to."""

RULES = f"""rule,source,campaign,market,geo,channel
1,shopify_orders,^{HASHED_GB},uk,all,
2,ga4,^usa,us,all,
3,ga4,^uk,uk,all,
4,hubspot,^uk,uk,all,
5,hubspot,,us,all,
6,klaviyo,,uk,all,
7,amazon_ads,^gold leader$,us,all,search
"""
BLANK_GEO = [f"{source}/invoices" for source in INVOICES] + [
    "generic/kpi", "generic/controls", "weather/daily", "price_promotion/calendar", "stock_outs/periods",
]  # fmt: skip
ORDERS = """order_id,ordered_at,market,net_amount,currency
7,2026-01-05 10:00:00,us,20.10,USD
8,2026-01-06 10:00:00,us,30.20,jo@example.com
9,2026-01-13 10:00:00,us,"1,000",USD
"""
SUMMER_TIME = """order_id,ordered_at,time_zone,market,net_amount,currency
20,2025-03-09 04:59:00,America/New_York,us,1,USD
21,2025-03-09 05:00:00,America/New_York,us,2,USD
22,2025-03-09 23:59:00-04:00,America/New_York,us,4,USD
23,2025-03-10 04:00:00,America/New_York,us,8,USD
24,2025-11-02 04:00:00,America/New_York,us,16,USD
25,2025-11-02 01:30:00-04:00,America/New_York,us,32,USD
26,2025-11-02 01:30:00-05:00,America/New_York,us,64,USD
27,2025-11-03 04:59:00,America/New_York,us,128,USD
28,2025-11-03 05:00:00,America/New_York,us,256,USD
"""
WON_STAGE = "/n0+plNHbWErNq8Ek+NM3g=="
"""A stage that the real export of stages says is won; deals of the real export state neither stage nor amount."""

DEALS = f"""deal_id,deal_pipeline_stage_id,property_dealname,property_amount,property_closedate,property_market
101,{WON_STAGE},of ann@example.com,"1000.10",2021-03-01 09:00:00,
102,{WON_STAGE},,500.20,2021-03-07 23:59:00,
103,closedwon,,70,2021-03-03 09:00:00,uk
104,closedlost,,8000,2021-03-14 09:00:00,
"""
GEOS = "market,geo,geo_name,population\nus,all,United States,300\nuk,all,United Kingdom,60\n"
UNNAMED = (
    "date,date_stop,market,geo,channel,campaign,currency,spend\n2025-02-03,2025-02-09,us,all,tv,,USD,70\n"
)


@pytest.fixture(scope="session")
def built_connectors(tmp_path_factory: pytest.TempPathFactory) -> BuiltSources:
    """The sources of all connectors but those of the simulated world, built from templates and real exports."""
    folder = tmp_path_factory.mktemp("connectors")
    landing = folder / "landing"
    _land_templates(landing)
    _land_exports(landing)
    _land_by_hand(landing)
    entries = {
        **dict.fromkeys((*PLATFORMS, *SHOPS), "landing"),
        "orders": {"bad_rows": "quarantine", "bad_share": 0.7},
    }
    # Some exports state no currency of their accounts, so the build stops in front of the models, as it should: what
    # models are made of is then built past that check, for what the tests ask of it.
    return build_sources(
        folder,
        entries,
        settings={"unmapped_share": 1},
        unit_tests=[f"models/staging/{source}" for source in SHOPS],
        models=["fct_model_inputs"],
    )


def _land_templates(landing: Path) -> None:
    for source in PLATFORMS:
        for contract in connector(source).contracts:
            text = template(contract)
            if contract.table in IN_PLACE_OF_ANOTHER:
                text = text.replace("1234567890", "77")
            _write(landing / contract.folder / "template.csv", text)
    for source in SHOPS:
        for contract in connector(source).contracts:
            if not _are_here(contract.folder):
                _write(landing / contract.folder / "a.csv", template(contract))
    for table in BLANK_GEO:  # exported again without a geo, which is 'all', and with half as much again
        again = pd.read_csv(landing / table / "a.csv").drop(columns="geo")
        for name in again.columns.intersection(["net_cost", "value", "depth", "share"]):
            again[name] *= 1.5
        again.to_csv(landing / table / "b.csv", index=False)


def _are_here(table: str) -> bool:
    return all((EXPORTS / f"{name}.csv").is_file() for name in FILES.get(table, ("none",)))


def _land_exports(landing: Path) -> None:
    """The files of a table come together: their names, `export 1.csv` and so on, say which is the latest."""
    for table, names in FILES.items():
        for number, name in enumerate(names, start=1):
            path = EXPORTS / f"{name}.csv"
            if path.is_file():
                _write(landing / table / f"export {number}.csv", path.read_bytes().decode())


def _land_by_hand(landing: Path) -> None:
    weeks = pd.date_range("2020-01-06", "2026-01-05", freq="7D").strftime("%Y-%m-%d")
    rates = "week_start,currency,rate_to_usd\n" + "".join(f"{week},GBP,1.25\n" for week in weeks)
    for name, text in {
        "generic/media/unnamed.csv": UNNAMED,
        "generic/media/named.csv": UNNAMED.replace("tv,", "tv,spring"),
        "reference/mapping_rules/a.csv": RULES,
        "reference/geos/a.csv": GEOS,
        "reference/exchange_rates/a.csv": f"{rates}2021-09-13,CAN,{CANADIAN}\n",
        "hubspot/deal/won.csv": DEALS,
        "orders/orders/b.csv": ORDERS,
        "orders/orders/summer_time.csv": SUMMER_TIME,
    }.items():
        _write(landing / name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
