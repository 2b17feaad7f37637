"""ROI, marginal ROI and shares against their definitions."""

import numpy as np
import pytest

from mmm_core.contributions import contributions
from mmm_core.roi import BUMP, roi_draws, roi_table, summarise
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table


def figure(table, channel, metric, statistic="mean"):
    row = table[(table["channel"] == channel) & (table["metric"] == metric)]
    assert len(row) == 1
    return float(row[statistic].iloc[0])


def test_roi_and_marginal_roi_of_one_draw_by_hand():
    tree = posterior(
        draws=1, chains=1, alpha=0.4, half_saturation=0.8, slope=1.5, coefficient=[[1.2, 0.7, 0.1]]
    )
    data = tree["constant_data"].to_dataset()
    media = data["exposure"][0, :, 0].to_numpy() / float(data["media_scale"][0])

    def revenue(factor):
        return 1.2 * float(data["kpi_scale"]) * hill(adstocked(factor * media, 0.4, 4)[4:], 0.8, 1.5).sum()

    spend = data["spend"][0, 4:, 0].to_numpy().sum()
    table = roi_table(tree)
    assert figure(table, "tv", "spend") == pytest.approx(spend)
    assert figure(table, "tv", "roi") == pytest.approx(revenue(1) / spend)
    assert figure(table, "tv", "mroi") == pytest.approx((revenue(1 + BUMP) - revenue(1)) / (BUMP * spend))
    assert figure(table, "tv", "contribution_share") == pytest.approx(
        revenue(1) / data["kpi"].to_numpy().sum()
    )


def test_without_saturation_the_marginal_and_the_average_return_agree():
    spec = {**SPEC, "media": {**SPEC["media"], "defaults": {"saturation": {"kind": "none"}}}}
    draws = roi_draws(posterior(spec))
    np.testing.assert_allclose(draws["mroi"].sel(channel="tv"), draws["roi"].sel(channel="tv"), rtol=1e-9)


def test_contribution_agrees_with_the_decomposition():
    tree = posterior(panel_spec(), weekly_table(geos=("a", "b")))
    table, weekly = roi_table(tree), contributions(tree)["mean"].sum("week")
    for channel in ("tv", "search", "newsletter"):
        assert figure(table, channel, "contribution") == pytest.approx(
            float(weekly.sel(component=channel)), rel=1e-5
        )


def test_organic_media_have_no_return_on_spend():
    table = roi_table(posterior())
    assert table.columns.tolist() == ["channel", "metric", "mean", "median", "sd", "q05", "q95"]
    assert table.loc[table["channel"] == "newsletter", "metric"].tolist() == [
        "contribution",
        "contribution_share",
    ]
    assert table.loc[table["channel"] == "tv", "metric"].tolist() == [
        "roi", "mroi", "contribution", "contribution_share", "spend",
    ]  # fmt: skip


def test_cost_per_incremental_unit_where_the_kpi_is_not_revenue():
    spec = {**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    draws = roi_draws(posterior(spec))
    # A unit is worth 30 within a few per cent, so roi is about 30 / cpik.
    product = (draws["roi"] * draws["cpik"]).sel(channel=["tv", "search"])
    assert product.min() > 29
    assert product.max() < 31


def test_a_summary_of_draws():
    summary = summarise(np.arange(101.0))
    assert summary == {"mean": 50, "median": 50, "sd": pytest.approx(29.3, abs=0.01), "q05": 5, "q95": 95}
