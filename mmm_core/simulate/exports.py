"""Raw exports of a market, shaped as the connectors of ad platforms, agencies, shops and surveys shape them.

Weekly figures are split into daily rows of several campaigns in whole micros, cents and counts, so the rows add up to
the weekly figures exactly; with money converted at the week's rate they rebuild the weekly table to 1e-5 USD. What
staging finds here, as in real exports:

* Google spend is in micros, split by device and network; LinkedIn is billed in EUR, the uk in GBP.
* Meta's file of a new year repeats the last seven days of the old one, row for row.
* A day without spend has no row. TV and OOH invoices of a week in which a market is dark are one nil line.
* `region` of invoices and orders holds the geo code.
* The brand tracker is a survey: sampling noise, and one month a year without.
* Months and lift tests appear once they are over.
* Platforms claim more or less revenue than they caused; web analytics reports channels that nobody else knows.

Nothing here carries a true parameter, contribution or noise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmm_core.simulate.attribution import platform_reports
from mmm_core.simulate.brand import METRICS
from mmm_core.simulate.draws import ORIGIN, Draws
from mmm_core.simulate.experiments import lift_tests
from mmm_core.simulate.market import Market
from mmm_core.simulate.media_exports import INVOICED, google_ads, invoices, linkedin_ads, meta_ads, tiktok_ads
from mmm_core.simulate.rows import DAY, RawTable, daily_stream, iso_days, split

SHOP_WEEKDAYS = (0.98, 0.95, 0.94, 0.96, 1.03, 1.1, 1.14)


def market_tables(market: Market) -> list[RawTable]:
    """Every landing table a market has a part in, currencies aside."""
    channels = list(market.truth.weekly["channel"].values)
    makers = {"search": google_ads, "meta": meta_ads, "tiktok": tiktok_ads, "linkedin": linkedin_ads}
    tables = [make(market) for channel, make in makers.items() if channel in channels]
    tables += [invoices(market, channel) for channel in INVOICED if channel in channels]
    return [
        *tables,
        daily_orders(market),
        brand_tracker(market),
        *weekly_context(market),
        experiment_results(market),
        platform_reports(market),
        geo_list(market),
    ]


def daily_orders(market: Market) -> RawTable:
    """The shop's days: net_sales = gross_sales - discounts - returns, all positive; revenue is net_sales."""
    geos, weeks = market.books["orders"].shape

    def stream(name: str) -> np.ndarray:
        return daily_stream(market, "shop", name, geos, 7)

    weights = np.array(SHOP_WEEKDAYS) * (0.9 + 0.2 * stream("day"))
    orders = split(market.books["orders"].values.T, weights)
    net = split(market.books["revenue_cents"].values.T, weights * (0.97 + 0.06 * stream("basket")))
    discounts = np.rint(net * (0.04 + 0.08 * stream("discounts"))).astype(np.int64)
    returns = np.rint(net * (0.03 + 0.03 * stream("returns"))).astype(np.int64)

    def rows(values: np.ndarray) -> np.ndarray:
        return values.transpose(0, 2, 1).ravel()

    week, weekday, geo = (axis.ravel() for axis in np.indices((weeks, 7, geos)))
    day = market.window.dates[week] + weekday * DAY
    table = pd.DataFrame(
        {
            "date": iso_days(day),
            "market": market.name,
            "region": market.books["geo"].values.astype(object)[geo],
            "orders": rows(orders),
            "gross_sales": rows(net + discounts + returns) / 100,
            "discounts": rows(discounts) / 100,
            "returns": rows(returns) / 100,
            "net_sales": rows(net) / 100,
            "currency": market.currency,
        }
    )
    return RawTable("shopify", "daily_orders", table, day)


def brand_tracker(market: Market) -> RawTable:
    """Monthly survey shares of whole months: yes answers over sample size; one month a year has no survey."""
    monday = market.window.dates
    first = monday[0].astype("datetime64[M]") + (
        monday[0] > monday[0].astype("datetime64[M]").astype(monday.dtype)
    )
    months = np.arange(first, (monday[-1] + 7 * DAY).astype("datetime64[M]"))
    number = (months - np.datetime64(ORIGIN, "M")).astype(int)
    draws, length = Draws(market.seed, f"{market.name}/brand tracker"), int(number[-1]) + 1
    skipped = (
        np.floor(12 * draws.uniform("month without a survey", length // 12 + 1))[number // 12] == number % 12
    )
    asked = (950 + 300 * draws.uniform("sample size", length))[number].astype(int)
    luck = draws.normal("answers", length, len(METRICS))[number]

    rows = []
    for m in np.flatnonzero(~skipped):
        inside = monday.astype("datetime64[M]") == months[m]
        for k, metric in enumerate(METRICS):
            share = float(market.books[metric].values[inside].mean())
            answers = round(asked[m] * share + np.sqrt(asked[m] * share * (1 - share)) * luck[m, k])
            rows.append((str(months[m]), market.name, metric, round(answers / asked[m], 4), asked[m]))
    table = pd.DataFrame(rows, columns=["month", "market", "metric", "value", "sample_size"])
    return RawTable("brand_tracker", "monthly", table, table["month"].to_numpy(dtype="datetime64[M]"))


def survey_table(market: Market) -> pd.DataFrame:
    """The same survey as `mmm bvar --brand` reads it: market, metric, month_start, value, sample_size."""
    table = brand_tracker(market).rows
    table = table.assign(month_start=table["month"] + "-01")
    return table[["market", "metric", "month_start", "value", "sample_size"]]


def weekly_context(market: Market) -> list[RawTable]:
    """Competitor spend (USD) and consumer confidence, weekly."""
    weekly = market.truth.weekly
    frame = pd.DataFrame({"week_start": iso_days(market.window.dates), "market": market.name})
    competitor = frame.assign(competitor_spend=weekly["competitor_spend"].values)
    macro = frame.assign(consumer_confidence=weekly["consumer_confidence"].values)
    return [
        RawTable("competitor", "weekly", competitor, market.window.dates),
        RawTable("macro", "weekly", macro, market.window.dates),
    ]


def experiment_results(market: Market) -> RawTable:
    """Lift tests as reported once they have ended."""
    tests = lift_tests(market).drop(columns="true_incremental_outcome")
    day = tests["end_date"].to_numpy(dtype="datetime64[ns]")
    for column in ("start_date", "end_date", "reported_date"):
        tests[column] = iso_days(tests[column])
    return RawTable("experiments", "lift_tests", tests, day)


def geo_list(market: Market) -> RawTable:
    """Geos and the people in them."""
    names = market.books["geo"].values.astype(object)
    rows = pd.DataFrame(
        {
            "market": market.name,
            "geo": names,
            "geo_name": ["National" if name == "all" else f"Region {int(name[1:])}" for name in names],
            "population": market.truth.weekly["population"].values,
        }
    )
    return RawTable("reference", "geos", rows, None)


def exchange_rates(market: Market) -> RawTable:
    """USD for one EUR and one GBP in each week of a market."""
    rates = [
        pd.DataFrame(
            {
                "week_start": iso_days(market.window.dates),
                "currency": currency,
                "rate_to_usd": market.books[f"{currency.lower()}_rate"].values,
            }
        )
        for currency in ("EUR", "GBP")
    ]
    table = pd.concat(rates, ignore_index=True).sort_values(["week_start", "currency"], kind="stable")
    return RawTable("reference", "exchange_rates", table, np.repeat(market.window.dates, 2))
