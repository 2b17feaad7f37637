"""Prior and posterior predictive: against the priors' own quantiles, the definition of the noise, and each other."""

import numpy as np
import pytest
from scipy import stats

from mmm_core.forecast.predictive import (
    baseline_and_expected,
    posterior_predictive,
    prior_predictive,
    prior_table,
    prior_words,
    with_noise,
)
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.pointwise import predictor_parts
from mmm_core.review.subject import Subject
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")


@pytest.fixture(scope="module")
def believed():
    return prior_predictive(weekly_table(), parse_spec(SPEC), draws=600)


def test_implied_roi_is_the_roi_stated(believed):
    # paid channels are stated as ROI, LogNormal(.2, .9): the table must say so whatever adstock and saturation do
    table = prior_table(believed).set_index("channel")
    stated = stats.lognorm(s=0.9, scale=np.exp(0.2))
    for channel in ("tv", "search"):
        draws = believed["prior_predictive"]["roi"].sel(channel=channel).to_numpy()
        assert stats.kstest(draws, stated.cdf).pvalue > 0.001
        assert table.loc[channel, "roi_q95"] == pytest.approx(stated.ppf(0.95), rel=0.25)
    share = believed["prior_predictive"]["contribution_share"]
    assert table.loc["all media", "share_mean"] == pytest.approx(float(share.sum("channel").mean()))
    np.testing.assert_allclose(
        believed["prior"]["roi"].to_numpy()[0], believed["prior_predictive"]["roi"].to_numpy()[:, :2]
    )


def test_the_baselines_prior_is_that_of_the_block(believed):
    prior, data = believed["prior"], believed["constant_data"]
    sigma = prior["sigma"].to_numpy()[0]
    price = prior["fixed_effect"].sel(term="price").to_numpy()[0, :, 0] / sigma
    wide = float(data["design_prior_sd"].sel(term="price"))
    assert stats.kstest(price / wide, "norm").pvalue > 0.001
    assert (prior["fixed_effect"].sel(term="intercept") == data["kpi_centre"].to_numpy()).all()
    steps = np.diff(prior["level"].to_numpy()[0], axis=1) / prior["tau"].to_numpy()[0][:, None]
    assert steps.std() == pytest.approx(1, abs=0.02)
    assert stats.kstest(sigma, stats.halfnorm.cdf).pvalue > 0.001


def test_the_same_seed_gives_the_same_draws_and_another_others(believed):
    again = prior_predictive(weekly_table(), parse_spec(SPEC), draws=600)
    assert again["prior_predictive"].to_dataset().identical(believed["prior_predictive"].to_dataset())
    other = prior_predictive(weekly_table(), parse_spec(SPEC), draws=600, seed=8)
    assert not np.array_equal(other["prior"]["sigma"], believed["prior"]["sigma"])


def test_priors_that_are_out_of_proportion_are_named(believed):
    assert "tighten" not in prior_words(believed)[1]
    huge = {**SPEC, "media": {**SPEC["media"], "defaults": {"prior": {"roi": {"lognormal": [5, 0.2]}}}}}
    said = prior_words(prior_predictive(weekly_table(), parse_spec(huge), draws=200))
    assert "probability 100%: tighten them" in said[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"kpi": {"column": "revenue", "scale": "log"}},
        {"likelihood": "student_t"},
        {"baseline": {"slope": "random_walk"}},
        panel_spec(),
        panel_spec(geo={"column": "geo", "effects": "lognormal"}),
        panel_spec(geo={"column": "geo", "pooling": "none"}),
    ],
    ids=["log", "student_t", "slope", "normal geos", "lognormal geos", "unpooled geos"],
)
def test_every_part_of_the_family_has_a_prior_predictive(changes):
    table = weekly_table(geos=("a", "b") if "geo" in changes else ("all",))
    tree = prior_predictive(table, parse_spec({**SPEC, **changes}), draws=60)
    for name in ("kpi", "expected", "roi", "media_share"):
        values = tree["prior_predictive"][name]
        assert np.isfinite(values.sel(channel=["tv", "search"]) if name == "roi" else values).all()
    assert prior_table(tree)["roi_q05"].notna().sum() == 2


def test_posterior_predictive_is_mean_and_noise():
    tree = posterior(draws=300, chains=2)
    predicted = posterior_predictive(tree)
    at = Posterior.of(tree).thinned(1000)
    parts = predictor_parts(Posterior.of(tree), at)
    scale = float(tree["constant_data"]["kpi_scale"])
    np.testing.assert_allclose(predicted["expected"], (parts.media + parts.baseline) * scale, rtol=1e-6)
    np.testing.assert_allclose(predicted["baseline"], parts.baseline * scale, rtol=1e-6)
    sigma = tree["posterior"]["sigma"].to_numpy().ravel()[:, None, None] * scale
    assert (
        stats.kstest(((predicted["kpi"] - predicted["expected"]) / sigma).values.ravel(), "norm").pvalue
        > 0.001
    )
    np.testing.assert_array_equal(Subject(Posterior.of(tree)).predictive, predicted["kpi"])


def test_noise_has_heavy_tails_where_the_likelihood_has():
    tree = posterior({**SPEC, "likelihood": "student_t"}, draws=300)
    nu = ("chain", "draw"), np.full((2, 300), 3.0)
    tree["posterior"] = tree["posterior"].to_dataset().assign(nu=nu)
    at = Posterior.of(tree).thinned(1000)
    mean = baseline_and_expected(Posterior.of(tree), at)[1]
    sd = tree["posterior"]["sigma"].to_numpy().ravel()[:, None, None] * float(
        tree["constant_data"]["kpi_scale"]
    )
    noise = ((with_noise(Posterior.of(tree), mean, at) - mean) / sd).ravel()
    assert stats.kstest(noise, stats.t(3).cdf).pvalue > 0.001
    assert stats.kstest(noise, "norm").pvalue < 1e-6


def test_noise_multiplies_where_the_kpi_is_a_logarithm():
    tree = posterior({**SPEC, "kpi": {"column": "revenue", "scale": "log"}}, draws=300)
    at = Posterior.of(tree).thinned(1000)
    mean = np.full((600, 1, 60), 1000.0)
    sd = tree["posterior"]["sigma"].to_numpy().ravel()[:, None, None] * float(
        tree["constant_data"]["kpi_scale"]
    )
    drawn = with_noise(Posterior.of(tree), mean, at)
    assert drawn.mean() == pytest.approx(1000, rel=0.01)
    assert stats.kstest(((np.log(drawn / 1000) + sd**2 / 2) / sd).ravel(), "norm").pvalue > 0.001


def test_priors_show_no_share_of_an_outcome_that_does_not_add_up():
    media = {"channels": {"tv": {"spend": "tv_spend"}}}
    table = weekly_table().assign(revenue=lambda rows: rows["revenue"] - 1200)
    tree = prior_predictive(table, parse_spec({**SPEC, "media": media}), draws=100)
    assert prior_table(tree)["share_mean"].isna().all()
    assert "shares of it say nothing" in prior_words(tree)[1]
