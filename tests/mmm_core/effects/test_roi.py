"""ROI, marginal ROI and shares against their definitions."""

import numpy as np
import pytest
from rich.console import Console

from mmm_core.cli.console import returns
from mmm_core.diagnostics.summary import summary
from mmm_core.effects.contributions import contributions
from mmm_core.effects.roi import BUMP, roi_draws, roi_table, summarise
from mmm_core.posterior.schema import spec_of
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table
from tests.mmm_core.whole_family import SPECS, case


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


@pytest.mark.parametrize("name", SPECS)
def test_every_metric_of_any_family_by_brute_force(name):
    tree = case(name)
    spec, data, found = spec_of(tree), tree["constant_data"].to_dataset(), roi_draws(tree)
    worth, exposure = data["revenue_per_kpi"].to_numpy(), data["exposure"].to_numpy()
    history = data.sizes["media_week"] - data.sizes["week"]
    for position in (0, 5):
        draw = brute_force.one_draw(tree, position)
        base = brute_force.baseline(tree, draw)

        def kpi(draw, base, path):
            return brute_force.expected(tree, draw, base + brute_force.media_terms(tree, draw, path).sum(-1))

        for i, channel in enumerate(spec.channels):
            off, more = exposure.copy(), exposure.copy()
            off[..., i] = 0.0
            more[..., i] *= 1 + BUMP
            brought = kpi(draw, base, exposure) - kpi(draw, base, off)
            one = found.isel(draw=position).sel(channel=channel)
            assert float(one["contribution"]) == pytest.approx((brought * worth).sum(), rel=1e-8)
            share = (brought * worth).sum() / (data["kpi"].to_numpy() * worth).sum()
            assert float(one["contribution_share"]) == pytest.approx(share, rel=1e-8)
            if channel not in spec.paid:
                assert np.isnan(one["roi"])
                continue
            spend = data["spend"].to_numpy()[:, history:, i].sum()
            gained = ((kpi(draw, base, more) - kpi(draw, base, exposure)) * worth).sum()
            assert float(one["spend"]) == pytest.approx(spend)
            assert float(one["roi"]) == pytest.approx((brought * worth).sum() / spend, rel=1e-8)
            assert float(one["mroi"]) == pytest.approx(gained / (BUMP * spend), rel=1e-5)
            if "cpik" in found:
                assert float(one["cpik"]) == pytest.approx(spend / brought.sum(), rel=1e-8)


def test_a_kpi_without_revenue_is_counted_in_its_own_units_and_its_cost_comes_first():
    tree = case("other_kinds")
    table = roi_table(tree)
    assert table.attrs["returns"] == "orders per unit of spend"
    assert table.attrs["outcome"] == "orders"
    assert table["metric"].tolist()[:2] == ["cpik", "roi"]
    draws = roi_draws(tree)
    np.testing.assert_allclose(draws["cpik"], 1 / draws["roi"])
    assert "cpik" not in roi_draws(case("plain"))


def test_a_channel_that_brings_nothing_has_no_cost_per_unit():
    spec = {**SPEC, "kpi": {"column": "orders", "kind": "non_revenue"}}
    draws = posterior(spec, draws=50)
    coefficient = draws["posterior"]["coefficient"].to_numpy().copy()
    coefficient[0, :5, 0, 0] = 0.0  # 5 of 100 draws
    coefficient[..., 0, 1] = 0.0
    tree = posterior(spec, draws=50, coefficient=coefficient)
    costs = roi_draws(tree)["cpik"]
    assert np.isinf(costs.sel(channel="tv")[:5]).all()
    assert np.isfinite(costs.sel(channel="tv")[5:]).all()
    table = roi_table(tree)
    assert np.isnan(figure(table, "tv", "cpik"))
    assert figure(table, "tv", "cpik", "median") == pytest.approx(
        np.median(costs.sel(channel="tv")), rel=0.02
    )
    assert np.isnan(figure(table, "search", "cpik", "median"))
    assert figure(table, "search", "roi") == 0


def test_weeks_without_a_kpi_count_as_mean_ones():
    table = weekly_table()
    table.loc[[20, 30], "revenue"] = np.nan
    tree = posterior({**SPEC, "kpi": {"column": "revenue", "gaps": "leave_out"}}, table)
    draws = roi_draws(tree)
    total = np.nanmean(table["revenue"][4:]) * 60
    np.testing.assert_allclose(draws["contribution_share"], draws["contribution"] / total)


def test_a_share_of_an_outcome_that_does_not_add_up_does_not_exist():
    media = {
        **SPEC["media"],
        "organic": {"newsletter": {"exposure": "sends", "prior": {"coefficient": {"halfnormal": [1]}}}},
    }
    table = weekly_table().assign(revenue=lambda rows: rows["revenue"] - 1200)
    tree = posterior({**SPEC, "media": media}, table)
    rows = roi_table(tree)
    shares = rows[rows["metric"] == "contribution_share"]
    assert shares["channel"].tolist() == ["tv", "search", "newsletter"]
    assert shares["mean"].isna().all()
    assert rows.loc[rows["metric"] == "roi", "mean"].notna().all()
    facts = summary(tree)
    assert facts["contribution_share"]["tv"]["mean"] is None
    console = Console(width=200, record=True)
    console.print(returns(facts))
    assert "%" not in console.export_text().replace("90 %", "")
