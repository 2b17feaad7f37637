import datetime as dt

import numpy as np
import pandas as pd
import pytest

from mmm_core.simulate import simulate_market, simulate_world
from mmm_core.simulate.attribution import REPORTS, attribution_truth, platform_reports, reports_of


@pytest.fixture(scope="module", params=["us", "uk"])
def market(request):
    return simulate_market(request.param, 7)


@pytest.fixture(scope="module")
def rows(market):
    rows = platform_reports(market).rows
    named = rows["campaign_name"].str.split("_").str[2]
    return rows.assign(channel=rows["channel"].where(rows["channel"].notna(), named))


def test_what_is_reported_is_what_the_truth_says_is_claimed(market, rows):
    week = pd.to_datetime(rows["date_start"])
    rate = np.ones(market.window.weeks) if market.name == "us" else market.books["gbp_rate"].values
    value = rows["conversion_value"] * pd.Series(rate, market.window.dates).loc[week].to_numpy()
    modelled = (week >= market.window.dates[market.truth.l_max]).to_numpy()
    claimed = value[modelled].groupby([rows["platform"], rows["channel"]]).sum()
    truth = attribution_truth(market).set_index(["platform", "channel"])
    np.testing.assert_allclose(claimed.loc[truth.index], truth["claimed"], rtol=1e-6)
    caused = [market.truth.channel(channel).contribution for _, channel in truth.index]
    np.testing.assert_allclose(truth["contribution"], caused)
    np.testing.assert_allclose(truth["claimed"] / truth["contribution"], truth["realised_bias"])


def test_a_bias_is_near_the_drawn_one_and_differs_by_report_market_and_seed(market):
    truth = attribution_truth(market)
    assert len(truth) == len(reports_of(market)) == {"us": 8, "uk": 6}[market.name]
    np.testing.assert_allclose(truth["realised_bias"], truth["bias"], rtol=0.05)
    other = attribution_truth(simulate_market(market.name, 8))
    assert truth["bias"].nunique() == len(truth)
    assert not np.isclose(truth["bias"], other["bias"]).any()


def test_biases_are_those_that_are_usual_of_the_reports():
    drawn = pd.concat([attribution_truth(simulate_market("us", seed, weeks=60)) for seed in range(12)])
    mean = np.log(drawn["bias"]).groupby([drawn["platform"], drawn["channel"]]).mean()
    for report in REPORTS:
        assert mean[report.platform, report.channel] == pytest.approx(np.log(report.bias), abs=0.2)


def test_platforms_name_campaigns_and_analytics_channels(rows):
    analytics = rows["platform"] == "ga4"
    assert rows.loc[analytics, "campaign_name"].isna().all()
    assert {"email", "direct"} < set(rows.loc[analytics, "channel"])
    assert rows.loc[~analytics, "campaign_name"].str.fullmatch("[a-z]+_[a-z0-9]+_[a-z]+_[a-z]+").all()
    assert (rows["conversion_value"] > 0).all()
    key = ["platform", "date_start", "market", "channel", "campaign_name"]
    assert not rows.duplicated(key).any()


def test_more_weeks_add_claims_and_change_none():
    start = dt.date(2022, 11, 21)
    early, late = (simulate_world(7, end, start) for end in (dt.date(2026, 3, 2), dt.date(2026, 3, 16)))
    for name in ("us", "uk"):
        before, after = platform_reports(early.market(name)).rows, platform_reports(late.market(name)).rows
        assert len(after) > len(before)
        pd.testing.assert_frame_equal(after[: len(before)], before)
