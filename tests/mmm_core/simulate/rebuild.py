"""The weekly table from the landing files alone, in pandas: what the warehouse has to arrive at."""

from pathlib import Path

import pandas as pd

PLATFORMS = {
    # table: (day, currency, spend, unit, clicks)
    "google_ads/campaign_stats": ("date", "currency_code", "cost_micros", 1e6, "clicks"),
    "meta_ads/campaign_insights": ("date_start", "account_currency", "spend", 1, "inline_link_clicks"),
    "tiktok_ads/campaign_report": ("stat_time_day", "currency", "spend", 1, "clicks"),
    "linkedin_ads/ad_analytics_by_campaign": ("day", "local_currency", "cost_in_local_currency", 1, "clicks"),
}
INVOICES = {"tv/invoices": "grps", "ooh/invoices": "contacts"}
KEY = ["market", "geo", "week_start"]


def read(landing: Path, table: str) -> pd.DataFrame:
    files = sorted((landing / table).glob("*.csv"))
    assert files, f"no files for {table}"
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


def weekly(landing: Path) -> pd.DataFrame:
    rates = read(landing, "reference/exchange_rates")
    rates["week_start"] = pd.to_datetime(rates["week_start"])

    def in_usd(amount: pd.Series, currency: pd.Series, week: pd.Series) -> pd.Series:
        wanted = pd.DataFrame({"week_start": week.values, "currency": currency.values})
        rate = wanted.merge(rates, how="left")["rate_to_usd"].where(wanted["currency"] != "USD", 1.0)
        assert rate.notna().all()
        return amount * rate.to_numpy()

    media = []
    for table, (day, currency, spend, unit, clicks) in PLATFORMS.items():
        rows = read(landing, table).drop_duplicates()
        name = rows["campaign_name"].str.extract(r"^([a-z]+)_([a-z0-9]+)_([a-z]+)_")
        week = pd.to_datetime(rows[day]).dt.to_period("W-SUN").dt.start_time
        media.append(
            pd.DataFrame(
                {
                    "market": name[0],
                    "geo": name[1],
                    "channel": name[2],
                    "week_start": week,
                    "spend": in_usd(rows[spend] / unit, rows[currency], week),
                    "impressions": rows["impressions"],
                    "clicks": rows[clicks],
                }
            )
        )
    for table, exposure in INVOICES.items():
        rows = read(landing, table)
        week = pd.to_datetime(rows["week_commencing"])
        media.append(
            pd.DataFrame(
                {
                    "market": rows["market"],
                    "geo": rows["region"],
                    "channel": table.split("/")[0],
                    "week_start": week,
                    "spend": in_usd(rows["net_cost"], rows["currency"], week),
                    "impressions": rows[exposure],
                    "clicks": 0,
                }
            )
        )
    wide = pd.concat(media).groupby([*KEY, "channel"])[["spend", "impressions"]].sum().unstack("channel")
    wide.columns = [f"{channel}_{what}" for what, channel in wide.columns]

    orders = read(landing, "shopify/daily_orders").rename(columns={"region": "geo"})
    orders["week_start"] = pd.to_datetime(orders["date"]).dt.to_period("W-SUN").dt.start_time
    orders["revenue"] = in_usd(orders["net_sales"], orders["currency"], orders["week_start"])
    sales = orders.groupby(KEY)[["revenue", "orders"]].sum()

    table = sales.join(wide).reset_index()
    for context in ("competitor/weekly", "macro/weekly"):
        rows = read(landing, context)
        rows["week_start"] = pd.to_datetime(rows["week_start"])
        table = table.merge(rows, on=["market", "week_start"])
    return table.merge(read(landing, "reference/geos").drop(columns="geo_name"), on=["market", "geo"])
