"""Real exports: which file of the catalogue of data sets (`connector_exports`) is which of our tables.

A table often comes twice: from the package that reports on all platforms and from the connector's own. Both are landed,
and where they hold the same rows the one that is named last counts. Figures that tests expect are worked out here, by
pandas, from the files.
"""

import re
from collections.abc import Iterator

import pandas as pd
import pytest

from assets.resources.settings import REPOSITORY

EXPORTS = REPOSITORY.parent / "shared" / "data" / "connector_exports"

ALL = "dbt_ad_reporting"

FILES = {
    "google_ads/campaign_stats": (
        f"{ALL}/google_ads_campaign_stats_data",
        "dbt_google_ads/campaign_stats_data",
    ),
    "google_ads/campaign_history": (
        f"{ALL}/google_ads_campaign_history_data",
        "dbt_google_ads/campaign_history_data",
    ),
    "google_ads/account_history": (
        f"{ALL}/google_ads_account_history_data",
        "dbt_google_ads/account_history_data",
    ),
    "meta_ads/basic_ad": (f"{ALL}/facebook_ads_basic_ad_data", "dbt_facebook_ads/facebook_ads_basic_ad_data"),
    "meta_ads/basic_ad_actions": (
        f"{ALL}/facebook_ads_basic_ad_actions_data",
        "dbt_facebook_ads/facebook_ads_basic_ad_actions_data",
    ),
    "meta_ads/basic_ad_action_values": (
        f"{ALL}/facebook_ads_basic_ad_action_values_data",
        "dbt_facebook_ads/facebook_ads_basic_ad_action_values_data",
    ),
    "meta_ads/ad_history": (
        f"{ALL}/facebook_ads_ad_history_data",
        "dbt_facebook_ads/facebook_ads_ad_history_data",
    ),
    "meta_ads/campaign_history": (
        f"{ALL}/facebook_ads_campaign_history_data",
        "dbt_facebook_ads/facebook_ads_campaign_history_data",
    ),
    "meta_ads/account_history": (
        f"{ALL}/facebook_ads_account_history_data",
        "dbt_facebook_ads/facebook_ads_account_history_data",
    ),
    "microsoft_ads/campaign_performance_daily_report": (
        f"{ALL}/microsoft_ads_campaign_performance_daily_report_data",
        "dbt_microsoft_ads/microsoft_ads_campaign_performance_daily_report_data",
    ),
    "microsoft_ads/campaign_history": (
        f"{ALL}/microsoft_ads_campaign_history_data",
        "dbt_microsoft_ads/microsoft_ads_campaign_history_data",
    ),
    "microsoft_ads/account_history": (
        f"{ALL}/microsoft_ads_account_history_data",
        "dbt_microsoft_ads/microsoft_ads_account_history_data",
    ),
    "linkedin_ads/ad_analytics_by_campaign": (
        f"{ALL}/linkedin_ad_analytics_by_campaign_data",
        "dbt_linkedin/linkedin_ad_analytics_by_campaign_data",
    ),
    "linkedin_ads/campaign_history": (
        f"{ALL}/linkedin_ad_campaign_history_data",
        "dbt_linkedin/linkedin_campaign_history_data",
    ),
    "linkedin_ads/account_history": (
        f"{ALL}/linkedin_ad_account_history_data",
        "dbt_linkedin/linkedin_account_history_data",
    ),
    "tiktok_ads/campaign_report_hourly": (
        f"{ALL}/tiktok_campaign_report_hourly_data",
        "dbt_tiktok_ads/tiktok_campaign_report_hourly_data",
    ),
    "tiktok_ads/campaign_history": (
        f"{ALL}/tiktok_campaign_history_data",
        "dbt_tiktok_ads/tiktok_campaign_history_data",
    ),
    "tiktok_ads/advertiser": (f"{ALL}/tiktok_advertiser_data", "dbt_tiktok_ads/tiktok_advertiser_data"),
    "pinterest_ads/campaign_report": (
        f"{ALL}/pinterest_campaign_report_data",
        "dbt_pinterest/pinterest_campaign_report_data",
    ),
    "pinterest_ads/campaign_history": (
        f"{ALL}/pinterest_campaign_history_data",
        "dbt_pinterest/pinterest_campaign_history_data",
    ),
    "pinterest_ads/advertiser_history": (
        f"{ALL}/pinterest_advertiser_history_data",
        "dbt_pinterest/pinterest_advertiser_history_data",
    ),
    "amazon_ads/campaign_level_report": (
        f"{ALL}/amazon_ads_campaign_level_report_data",
        "dbt_amazon_ads/campaign_level_report_data",
    ),
    "amazon_ads/campaign_history": (
        f"{ALL}/amazon_ads_campaign_history_data",
        "dbt_amazon_ads/campaign_history_data",
    ),
    "amazon_ads/profile": (f"{ALL}/amazon_ads_profile_data", "dbt_amazon_ads/profile_data"),
    "apple_search_ads/campaign_report": (
        f"{ALL}/apple_search_campaign_report_data",
        "dbt_apple_search_ads/campaign_report_data",
    ),
    "apple_search_ads/campaign_history": (
        f"{ALL}/apple_search_campaign_history_data",
        "dbt_apple_search_ads/campaign_history_data",
    ),
    "x_ads/campaign_report": (
        f"{ALL}/twitter_campaign_report_data",
        "dbt_twitter/twitter_campaign_report_data",
    ),
    "x_ads/campaign_history": (
        f"{ALL}/twitter_campaign_history_data",
        "dbt_twitter/twitter_campaign_history_data",
    ),
    "x_ads/account_history": (
        f"{ALL}/twitter_account_history_data",
        "dbt_twitter/twitter_account_history_data",
    ),
    "shopify_orders/order": ("dbt_shopify/shopify_order_data",),
    "shopify_orders/refund": ("dbt_shopify/shopify_refund_data",),
    "shopify_orders/order_line_refund": ("dbt_shopify/shopify_order_line_refund_data",),
    "shopify_orders/order_adjustment": ("dbt_shopify/shopify_order_adjustment_data",),
    "shopify_orders/shop": ("dbt_shopify/shopify_shop_data",),
    "ga4/event": ("dbt_ga4_export/event_data",),
    "hubspot/email_event": ("dbt_hubspot/email_event_data",),
    "hubspot/email_campaign": ("dbt_hubspot/email_campaign_data",),
    "hubspot/deal": ("dbt_hubspot/deal_data",),
    "hubspot/deal_stage": ("dbt_hubspot/deal_stage_data",),
    "hubspot/deal_pipeline": ("dbt_hubspot/deal_pipeline_data",),
    "hubspot/deal_pipeline_stage": ("dbt_hubspot/deal_pipeline_stage_data",),
    "hubspot/merged_deal": ("dbt_hubspot/merged_deal_data",),
    "klaviyo/event": ("dbt_klaviyo/event_norename", "dbt_klaviyo/event"),
    "klaviyo/campaign": ("dbt_klaviyo/campaign",),
    "klaviyo/flow": ("dbt_klaviyo/flow",),
    "klaviyo/metric": ("dbt_klaviyo/metric",),
}
"""The files of each table, without their ending, the latest export last."""

SPEND = {
    "google_ads": ("google_ads/campaign_stats", "cost_micros", 1e6),
    "meta_ads": ("meta_ads/basic_ad", "spend", 1),
    "microsoft_ads": ("microsoft_ads/campaign_performance_daily_report", "spend", 1),
    "linkedin_ads": ("linkedin_ads/ad_analytics_by_campaign", "cost_in_local_currency", 1),
    "tiktok_ads": ("tiktok_ads/campaign_report_hourly", "SPEND", 1),
    "pinterest_ads": ("pinterest_ads/campaign_report", "spend_in_micro_dollar", 1e6),
    "amazon_ads": ("amazon_ads/campaign_level_report", "cost", 1),
    "apple_search_ads": ("apple_search_ads/campaign_report", "local_spend_amount", 1),
    "x_ads": ("x_ads/campaign_report", "billed_charge_local_micro", 1e6),
}
"""By platform the table, the column and the unit of its spend."""

OTHER_CUTS = {
    "google_ads": ("account_stats", "ad_group_stats", "ad_stats", "keyword_stats", "search_term_keyword_stats"),
    "facebook_ads": ("demographics_country", "demographics_region"),
    "microsoft_ads": (
        "account_performance_daily_report", "ad_group_performance_daily_report", "ad_performance_daily_report",
        "geographic_performance_daily_report", "keyword_performance_daily_report", "search_performance_daily_report",
    ),
    "linkedin": (
        "ad_analytics_by_creative", "monthly_ad_analytics_by_member_country", "monthly_ad_analytics_by_member_region",
    ),
    "tiktok": ("ad_report_hourly", "adgroup_report_hourly", "campaign_country_report"),
    "pinterest": (
        "ad_group_report", "advertiser_report", "keyword_report", "pin_promotion_report",
        "pin_promotion_targeting_report",
    ),
    "amazon_ads": (
        "ad_group_level_report", "advertised_product_report", "search_term_ad_keyword_report",
        "targeting_keyword_report",
    ),
    "apple_search": ("ad_group_report", "ad_report", "keyword_report", "search_term_report"),
    "twitter": (
        "campaign_locations_report", "campaign_regions_report", "line_item_keywords_report", "line_item_report",
        "promoted_tweet_report",
    ),
}  # fmt: skip
"""By the prefix of its files, reports of a platform that cut the spend of its landed one in another way: beside it they
would count the spend twice. Every other file that is not landed holds nothing that marts are made of."""

_SPENT = re.compile(r"spend|cost|cost_micros|billed_charge_local_micro|local_spend_amount|spend_in_micro_dollar|"
                    r"cost_in_local_currency", re.I)  # fmt: skip

_KEYS = {
    "google_ads/campaign_stats": ["customer_id", "date", "id", "device", "ad_network_type"],
    "meta_ads/basic_ad": ["account_id", "date", "ad_id"],
    "meta_ads/basic_ad_action_values": ["date", "ad_id", "action_type"],
    "microsoft_ads/campaign_performance_daily_report": [
        "account_id", "date", "campaign_id", "device_os", "device_type", "network", "ad_distribution", "bid_match_type",
        "delivered_match_type", "top_vs_other",
    ],
    "linkedin_ads/ad_analytics_by_campaign": ["day", "campaign_id"],
    "tiktok_ads/campaign_report_hourly": ["CAMPAIGN_ID", "STAT_TIME_HOUR"],
    "pinterest_ads/campaign_report": ["date", "campaign_id"],
    "amazon_ads/campaign_level_report": ["date", "campaign_id"],
    "apple_search_ads/campaign_report": ["date", "id"],
    "x_ads/campaign_report": ["account_id", "campaign_id", "date", "placement"],
    "klaviyo/event": ["id"],
}  # fmt: skip
"""What tells rows apart of tables that are landed from two files."""


def files_of(table: str) -> list[pd.DataFrame]:
    """The files of a table, the latest export last; skips the test where they are not here."""
    paths = [EXPORTS / f"{name}.csv" for name in FILES[table]]
    if not all(path.is_file() for path in paths):
        pytest.skip("the real exports are not here")
    return [pd.read_csv(path, encoding="utf-8-sig") for path in paths]


def rows_of(table: str) -> pd.DataFrame:
    """The rows of a table that count: where two files have the same one, that of the latest export."""
    files = files_of(table)
    rows = pd.concat(files, ignore_index=True)
    keys = _KEYS.get(table)
    return rows.drop_duplicates(keys, keep="last", ignore_index=True) if keys else rows


def spend_of(platform: str) -> float:
    """What a platform's files spend, each row once, in the currency of each."""
    table, column, unit = SPEND[platform]
    return rows_of(table)[column].sum() / unit


def files_with_spend() -> Iterator[str]:
    """Every file of the catalogue that has a column of spend."""
    for path in sorted(EXPORTS.glob("*/*.csv")):
        names = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
        if any(_SPENT.fullmatch(str(name)) for name in names):
            yield f"{path.parent.name}/{path.stem}"


def cut_otherwise(file: str) -> bool:
    """Whether a file holds the spend of a landed one, cut in another way."""
    package, name = file.split("/")
    own = {
        "dbt_google_ads": "google_ads",
        "dbt_amazon_ads": "amazon_ads",
        "dbt_apple_search_ads": "apple_search",
    }
    name = f"{own[package]}_{name}" if package in own else name
    return name.removesuffix("_data") in {
        f"{prefix}_{cut}" for prefix, cuts in OTHER_CUTS.items() for cut in cuts
    }
