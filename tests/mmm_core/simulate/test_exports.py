import json
import shutil

import numpy as np
import pandas as pd
import pytest

from mmm_core.simulate.rows import identifier, split
from tests.mmm_core.simulate import rebuild

COLUMNS = {
    "google_ads/campaign_stats": "customer_id, currency_code, date, campaign_id, campaign_name, device, "
    "ad_network_type, impressions, clicks, cost_micros",
    "meta_ads/campaign_insights": "account_id, account_currency, date_start, date_stop, campaign_id, campaign_name, "
    "impressions, reach, inline_link_clicks, spend",
    "tiktok_ads/campaign_report": "advertiser_id, currency, stat_time_day, campaign_id, campaign_name, impressions, "
    "clicks, spend",
    "linkedin_ads/ad_analytics_by_campaign": "account_id, local_currency, day, campaign_id, campaign_name, "
    "impressions, clicks, cost_in_local_currency, cost_in_usd",
    "tv/invoices": "invoice_id, station, market, region, week_commencing, grps, net_cost, currency",
    "ooh/invoices": "invoice_id, vendor, market, region, week_commencing, panels, contacts, net_cost, currency",
    "shopify/daily_orders": "date, market, region, orders, gross_sales, discounts, returns, net_sales, currency",
    "brand_tracker/monthly": "month, market, metric, value, sample_size",
    "competitor/weekly": "week_start, market, competitor_spend",
    "macro/weekly": "week_start, market, consumer_confidence",
    "experiments/lift_tests": "test_id, market, channels, geos, start_date, end_date, post_weeks, design, outcome, "
    "incremental_outcome, standard_error, spend_with, spend_without, currency, source, reported_date, status",
    "attribution/platform_reports": "platform, date_start, date_stop, market, channel, campaign_name, "
    "attribution_model, click_window_days, view_window_days, conversions, conversion_value, currency",
    "reference/geos": "market, geo, geo_name, population",
    "reference/exchange_rates": "week_start, currency, rate_to_usd",
}


@pytest.fixture(scope="module")
def read(written):
    return lambda table: rebuild.read(written / "landing", table)


def test_split_is_exact_and_gives_nothing_to_weight_zero():
    rng = np.random.default_rng(1)
    totals = rng.integers(0, 10**13, 500)
    weights = rng.random((500, 9)) * (rng.random((500, 9)) < 0.7)
    weights[:, 4] = 1e-12
    parts = split(totals, weights)
    np.testing.assert_array_equal(parts.sum(axis=1), totals)
    assert (parts >= 0).all()
    assert (parts[weights == 0] == 0).all()
    np.testing.assert_array_equal(split(np.array([0]), np.zeros((1, 3))), [[0, 0, 0]])


def test_identifiers_have_their_digits_and_differ():
    numbers = {identifier(f"campaign {n}", 12) for n in range(500)}
    assert len(numbers) == 500
    assert {len(str(number)) for number in numbers} == {12}


def test_every_table_is_there_with_its_columns(written):
    landing = written / "landing"
    tables = {path.relative_to(landing).as_posix() for path in landing.glob("*/*")}
    assert tables == set(COLUMNS)
    for table, columns in COLUMNS.items():
        for file in (landing / table).glob("*.csv"):
            header, first = file.read_text(encoding="utf-8").splitlines()[:2]
            assert header == columns.replace(", ", ","), file
            assert '"' not in first


def test_one_file_a_calendar_year(written):
    for file in (written / "landing").glob("*/*/*.csv"):
        if file.name in ("geos.csv",):
            continue
        year = file.stem[-4:]
        rows = pd.read_csv(file, dtype=str)
        day = next(
            c
            for c in (
                "date_start",
                "end_date",
                "month",
                "date",
                "day",
                "stat_time_day",
                "week_commencing",
                "week_start",
            )
            if c in rows
        )
        days = rows[day]
        if "meta_ads" in str(file):
            days = days[days > f"{int(year) - 1}-12-31"]  # the rest is the overlap
        assert set(days.str[:4]) == {year}, file


@pytest.fixture(scope="module")
def rebuilt(written):
    return rebuild.weekly(written / "landing").sort_values(rebuild.KEY, ignore_index=True)


def test_exports_rebuild_the_weekly_table(world, rebuilt):
    """Counts to the unit; money to 1e-5 USD, which is floating point alone."""
    expected = pd.concat([market.table for market in world.markets]).sort_values(
        rebuild.KEY, ignore_index=True
    )
    assert rebuilt[rebuild.KEY].equals(expected[rebuild.KEY])
    for column in expected.columns.difference([*rebuild.KEY, "average_order_value"]):
        wanted = expected[column]
        if column.endswith(("_spend", "_impressions")) and column != "competitor_spend":
            wanted = wanted.fillna(0)  # a market without the channel has no rows of it
        found = rebuilt[column].fillna(0)
        tolerance = 1e-5 if column == "revenue" or column.endswith("_spend") else 1e-6
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance, err_msg=column)


def test_a_lost_row_would_be_noticed(written, rebuilt, tmp_path):
    """The comparison above is not blind: one TikTok row less and the week is off."""
    copy = tmp_path / "landing"
    shutil.copytree(written / "landing", copy)
    file = copy / "tiktok_ads/campaign_report/campaign_report_2025.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))
    assert rebuilt["tiktok_spend"].sum() - rebuild.weekly(copy)["tiktok_spend"].sum() > 1


def test_google_has_micros_split_by_device_and_network(read):
    rows = read("google_ads/campaign_stats")
    assert set(rows["device"]) == {"MOBILE", "DESKTOP"}
    assert set(rows["ad_network_type"]) == {"SEARCH", "SEARCH_PARTNERS"}
    assert not rows.duplicated(["date", "campaign_id", "device", "ad_network_type"]).any()
    assert rows["cost_micros"].gt(0).all()
    brand = rows["campaign_name"].str.endswith("_brand")
    assert set(rows.loc[brand, "ad_network_type"]) == {"SEARCH"}
    cents = rows.groupby(["date", "campaign_id"])["cost_micros"].sum() / 10_000
    assert (cents == cents.round()).all()


def test_currencies_are_those_of_the_accounts(read):
    for table, (_, currency, *_) in rebuild.PLATFORMS.items():
        rows = read(table)
        market = rows["campaign_name"].str[:2]
        found = set(zip(market, rows[currency], strict=True))
        assert found == ({("us", "EUR")} if "linkedin" in table else {("us", "USD"), ("uk", "GBP")}), table
    for table in ("tv/invoices", "ooh/invoices", "shopify/daily_orders"):
        rows = read(table)
        assert set(zip(rows["market"], rows["currency"], strict=True)) == {("us", "USD"), ("uk", "GBP")}


def test_linkedin_dollars_are_its_euros_at_the_rate_of_the_week(read):
    rows = read("linkedin_ads/ad_analytics_by_campaign")
    week = pd.to_datetime(rows["day"]).dt.to_period("W-SUN").dt.start_time.dt.strftime("%Y-%m-%d")
    rates = read("reference/exchange_rates").query("currency == 'EUR'").set_index("week_start")["rate_to_usd"]
    assert rates.std() > 0
    np.testing.assert_allclose(
        rows["cost_in_usd"], rows["cost_in_local_currency"] * week.map(rates), atol=1e-6
    )
    assert (pd.to_datetime(rows["day"]).dt.weekday < 5).all()


def test_campaign_names_parse_to_known_geos(read):
    known = set(read("reference/geos")[["market", "geo"]].itertuples(index=False, name=None))
    channels = {
        "google_ads": "search",
        "meta_ads": "meta",
        "tiktok_ads": "tiktok",
        "linkedin_ads": "linkedin",
    }
    for table in rebuild.PLATFORMS:
        rows = read(table)
        name = rows["campaign_name"].str.extract(r"^([a-z]+)_([a-z0-9]+)_([a-z]+)_([a-z]+)$")
        assert name.notna().all(axis=None)
        assert set(zip(name[0], name[1], strict=True)) <= known
        assert set(name[2]) == {channels[table.split("/")[0]]}
        assert name[3].nunique() >= 2
        assert rows.groupby("campaign_id")["campaign_name"].nunique().eq(1).all()


def test_days_without_spend_have_no_row(world, read):
    for table, (_, _, spend, *_) in rebuild.PLATFORMS.items():
        rows = read(table)
        assert rows[spend].gt(0).all()
        assert rows["impressions"].ge(0).all()
    rows = read("tiktok_ads/campaign_report")
    week = pd.to_datetime(rows["stat_time_day"]).dt.to_period("W-SUN").dt.start_time
    there = set(zip(rows["campaign_name"].str[3:6], week, strict=True))
    uk = world.market("uk").table
    paused = uk[uk["tiktok_spend"] == 0]
    assert len(paused) > 50
    assert not there & set(zip(paused["geo"], paused["week_start"], strict=True))


def test_each_source_delivers_every_week_of_every_market(world, read):
    """So that a dark week is a zero and not a missing delivery."""
    for table, (day, *_) in rebuild.PLATFORMS.items():
        rows = read(table)
        week = pd.to_datetime(rows[day]).dt.to_period("W-SUN").dt.start_time
        for market in world.markets:
            if not (table.startswith("linkedin") and market.name == "uk"):
                found = week[rows["campaign_name"].str.startswith(market.name)].unique()
                assert set(found) == set(market.table["week_start"])
    for table in rebuild.INVOICES:
        rows = read(table)
        assert rows["invoice_id"].is_unique
        for market in world.markets:
            mine = rows[rows["market"] == market.name]
            assert set(pd.to_datetime(mine["week_commencing"])) == set(market.table["week_start"])
            nil = mine[mine["net_cost"] == 0]
            assert len(nil) > 3
            assert mine.groupby("week_commencing")["net_cost"].sum()[nil["week_commencing"]].eq(0).all()


def test_meta_repeats_the_last_week_of_a_year_exactly(written):
    folder = written / "landing/meta_ads/campaign_insights"
    for year in (2023, 2024, 2025, 2026):
        old, new = (pd.read_csv(folder / f"campaign_insights_{y}.csv") for y in (year - 1, year))
        repeated = new[new["date_start"] < f"{year}-01-01"]
        assert repeated["date_start"].nunique() == 7
        pd.testing.assert_frame_equal(
            repeated.reset_index(drop=True),
            old[old["date_start"] >= f"{year - 1}-12-25"].reset_index(drop=True),
        )
        assert not new.duplicated(["campaign_id", "date_start"]).any()
        assert (new["reach"] <= new["impressions"]).all()


def test_orders_are_dense_and_their_money_adds_up(read, world):
    rows = read("shopify/daily_orders")
    assert not rows.duplicated(["date", "market", "region"]).any()
    assert len(rows) == sum(7 * len(market.table) for market in world.markets)
    assert rows["orders"].gt(0).all()
    net = rows["gross_sales"] - rows["discounts"] - rows["returns"]
    np.testing.assert_allclose(net, rows["net_sales"], atol=1e-6)


def test_order_value_drifts(world):
    table = world.market("us").table
    assert table["average_order_value"][-26:].mean() / table["average_order_value"][:26].mean() > 1.03


def test_brand_survey_misses_a_month_a_year_and_scatters_around_the_state(world, read):
    rows = read("brand_tracker/monthly")
    assert set(rows["metric"]) == {"awareness", "consideration"}
    assert rows["month"].max() == "2026-10"  # November is not over
    for market in ("us", "uk"):
        months = rows.query(f"market == '{market}' and metric == 'awareness'")["month"]
        assert [months.str.startswith(year).sum() for year in ("2024", "2025")] == [11, 11]
    z = []
    for row in rows.itertuples():
        books = world.market(row.market).books
        inside = books["week"].values.astype("datetime64[M]").astype(str) == row.month
        share = float(books[row.metric].values[inside].mean())
        z.append((row.value - share) / np.sqrt(share * (1 - share) / row.sample_size))
        answers = row.value * row.sample_size
        assert (
            abs(answers - round(answers)) < 0.07
        )  # a whole number of people, the share rounded to four digits
    assert np.std(z) == pytest.approx(1, abs=0.25)


def test_truth_cannot_be_read_from_the_exports(world, written):
    """No true figure of a channel, no contribution and no noise appears in a landing file."""
    text = "\n".join(path.read_text() for path in (written / "landing").rglob("*.csv"))
    cells = set(text.replace("\n", ",").split(","))
    for market in world.markets:
        secrets = [value for channel in market.truth.channels for value in vars(channel).values()]
        secrets += market.truth.weekly["contribution"].values.ravel().tolist()
        secrets += market.truth.weekly["noise"].values.ravel().tolist()
        for value in secrets:
            if isinstance(value, float) and value not in (0.0, 1.0):
                assert not {repr(value), f"{value:.6f}"} & cells
    words = {word for line in COLUMNS.values() for word in line.split(", ")}
    assert not words & {"true_incremental_revenue", "contribution", "roi", "alpha", "noise", "level"}


def test_truth_files_agree_with_the_world(world, written):
    folder = written / "truth"
    assert {path.name for path in folder.iterdir()} == {
        "attribution.csv", "channels.csv", "geo_effects.csv", "lift_tests.csv", "long_term_roi.csv", "truth.json",
        "weekly_uk.csv", "weekly_us.csv", "without_channel.csv",
    }  # fmt: skip
    summary = json.loads((folder / "truth.json").read_text())
    channels = pd.read_csv(folder / "channels.csv").set_index(["market", "channel"])
    without = pd.read_csv(folder / "without_channel.csv").set_index(["market", "channel"])
    by_horizon = pd.read_csv(folder / "long_term_roi.csv").set_index(["market", "channel", "horizon_weeks"])
    for market in world.markets:
        weekly = pd.read_csv(folder / f"weekly_{market.name}.csv")
        np.testing.assert_allclose(weekly["revenue"], market.table["revenue"])
        for channel in market.truth.channels:
            kept = weekly[weekly["week_start"] > weekly["week_start"].drop_duplicates().iloc[7]]
            assert kept[f"{channel.channel}_contribution"].sum() == pytest.approx(channel.contribution)
            assert channels.loc[(market.name, channel.channel), "roi"] == pytest.approx(channel.roi)
            stated = summary["markets"][market.name]["channels"][channel.channel]
            assert stated["roi"] == channel.roi
            lost = without.loc[(market.name, channel.channel)]
            assert len(lost) == market.window.weeks
            np.testing.assert_allclose(
                lost["revenue_without"], lost["revenue"] - lost["short"] - lost["long"], rtol=1e-9
            )
            stated = by_horizon["long_term_roi"].loc[market.name, channel.channel]
            assert stated["long run"] == pytest.approx(channel.long_run_roi)
            assert 0 < stated["24"] < stated["52"] < stated["long run"]
