"""The ridge engine: its algebra against dense matrices, and planted truths."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.inference.engines.ridge.baseline import BaselineSmoother
from mmm_core.inference.engines.ridge.search import (
    Candidates,
    candidate_points,
    nonnegative,
    search,
    shapes_at,
)
from mmm_core.inference.fit import fit
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, weekly_table

GEOS, WEEKS, TERMS = 3, 12, 2
RATIO = 0.4


def _numbers(seed=0):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(GEOS, WEEKS, TERMS))
    observed = rng.random((GEOS, WEEKS)) > 0.15
    prior_sd = np.array([3.0, 2.0])
    return rng, design, observed, prior_sd


def dense(design, observed, prior_sd, ratio):
    """Variance of all observations in units of the noise, and the covariance of the level with them."""
    basis = np.tril(np.ones((WEEKS, WEEKS)))[:, 1:]
    level = ratio**2 * basis @ basis.T
    stacked = np.vstack([np.eye(WEEKS)] * GEOS)
    variance = stacked @ level @ stacked.T
    for g in range(GEOS):
        at = slice(g * WEEKS, (g + 1) * WEEKS)
        variance[at, at] += (design[g] * prior_sd**2) @ design[g].T
    keep = observed.ravel()
    return (variance + np.eye(len(keep)))[np.ix_(keep, keep)], (level @ stacked.T)[:, keep], keep


@pytest.mark.parametrize("ratio", [0.0, RATIO])
def test_products_and_level_against_dense_matrices(ratio):
    rng, *problem = _numbers()
    baseline = BaselineSmoother.of(*problem, ratio)
    columns = rng.normal(size=(4, GEOS, WEEKS))
    variance, level_covariance, keep = dense(*problem, ratio)
    flat = columns.reshape(4, -1)[:, keep]
    solved = np.linalg.solve(variance, flat.T)
    np.testing.assert_allclose(baseline.products(columns, columns), flat @ solved, rtol=1e-9, atol=1e-9)
    level, terms = baseline.fit(columns)
    np.testing.assert_allclose(level, (level_covariance @ solved).T, atol=1e-9)
    design, _, prior_sd = problem
    for g in range(GEOS):
        rows = np.zeros((GEOS, WEEKS, TERMS))
        rows[g] = design[g] * prior_sd**2
        expected = rows.reshape(-1, TERMS)[keep].T @ solved
        np.testing.assert_allclose(terms[:, g], expected.T, atol=1e-9)


def test_the_level_stays_where_it_is_after_the_last_observed_week():
    rng, design, _, prior_sd = _numbers()
    observed = np.ones((GEOS, WEEKS), dtype=bool)
    observed[:, 8:] = False
    level, _ = BaselineSmoother.of(design, observed, prior_sd, RATIO).fit(rng.normal(size=(1, GEOS, WEEKS)))
    np.testing.assert_allclose(level[0, 8:], level[0, 7])


def test_coefficients_are_not_negative_and_best():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    y = x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=30)
    b = nonnegative(x.T @ x, x.T @ y)
    assert (b >= 0).all()
    assert b[1] == 0
    np.testing.assert_allclose(b[[0, 2]], np.linalg.lstsq(x[:, [0, 2]], y, rcond=None)[0], rtol=1e-6)


def test_candidates_start_with_the_medians_and_stay_in_the_priors_centre():
    spec = parse_spec(SPEC)
    points = candidate_points(spec, 33, seed=1)
    shapes = shapes_at(spec, points)
    assert set(shapes) == {"alpha", "half_saturation", "slope"}
    prior = spec.media.channels["tv"].adstock.parameters["alpha"]
    assert shapes["alpha"][0, 0] == pytest.approx(prior.median())
    low, high = prior.frozen().ppf([0.1, 0.9])
    assert low <= shapes["alpha"][:, 0].min() < 0.4
    assert 0.6 < shapes["alpha"][:, 0].max() <= high
    np.testing.assert_array_equal(candidate_points(spec, 33, seed=1)[1], points[1])
    around = tuple(one[5] for one in points)
    denser = candidate_points(spec, 33, seed=1, around=around)
    np.testing.assert_array_equal(denser[0][1], around[0])
    assert np.median(abs(denser[0] - around[0]).max(-1)) < 0.5 * np.median(abs(points[0] - around[0]).max(-1))


def test_the_search_takes_the_columns_that_the_kpi_was_made_of():
    rng = np.random.default_rng(3)
    weeks = 120
    response = rng.gamma(2, 1, (6, 2, 1, weeks))
    kpi = 2.0 * response[4, 0] + 1.0 * response[2, 1] + rng.normal(0, 0.2, (1, weeks))
    candidates = Candidates((), {}, response, response.std((-2, -1)))
    design, observed = np.ones((1, weeks, 1)), np.ones((1, weeks), dtype=bool)
    found = search(candidates, design, observed, np.array([100.0]), kpi, 0.02, seed=0)
    assert found.entry(0)[0] == (4, 2)
    assert found.entry(0)[1] < 0.01
    assert (np.diff(found.errors.sum(1)) >= 0).all()
    assert np.sqrt(found.errors[0].mean()) == pytest.approx(0.2, rel=0.3)


NOISE = 30.0


def planted(weeks=160, geos=("all",), seed=0):
    """A table with known carryover and returns, and the truth: retention and ROI of each channel."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 3, weeks + 8))
    parts, brought, spent = [], {"tv": 0.0, "search": 0.0}, {"tv": 0.0, "search": 0.0}
    for position, geo in enumerate(geos):
        size = 1.0 + position
        tv = 100 * rng.gamma(2, 1, weeks + 8) * (rng.random(weeks + 8) < 0.6)
        search_spend = 60 * rng.gamma(3, 0.33, weeks + 8)
        effects = {
            "tv": 300 * hill(adstocked(tv / 150, 0.7, 4), 1.0, 1.5),
            "search": 200 * hill(adstocked(search_spend / 60, 0.2, 4), 1.0, 1.0),
        }
        week = np.arange(weeks + 8)
        base = 900 + 60 * np.sin(2 * np.pi * week / 52.18) + walk
        revenue = base + sum(effects.values()) + rng.normal(0, NOISE, weeks + 8)
        at = slice(8 + 4, None)  # the table leaves out 8 weeks, the model 4
        for name, media in (("tv", tv), ("search", search_spend)):
            brought[name] += size * effects[name][at].sum()
            spent[name] += size * media[at].sum()
        parts.append(
            pd.DataFrame(
                {
                    "week_start": pd.date_range("2021-01-04", periods=weeks, freq="7D"),
                    "geo": geo,
                    "population": 1000.0 * size,
                    "revenue": size * revenue[8:],
                    "tv_spend": size * tv[8:],
                    "search_spend": size * search_spend[8:],
                    "search_clicks": size * search_spend[8:] * 2.5,
                    "sends": size * rng.poisson(4, weeks).astype(float),
                    "price": rng.normal(10, 1, weeks),
                }
            )
        )
    return pd.concat(parts, ignore_index=True), {name: brought[name] / spent[name] for name in brought}


RIDGE = {"engine": "ridge", "draws": 300}


def planted_shapes(spec, table):
    """The specification with the shapes that `planted` used, in the model's units."""
    scale = model_data(table, parse_spec(spec))["media_scale"].to_series()
    size = table["population"].unique().mean() / 1000
    channels = spec["media"]["channels"]
    known = {
        "tv": ({"alpha": 0.7}, {"half_saturation": float(150 * size / scale["tv"]), "slope": 1.5}),
        "search": ({"alpha": 0.2}, {"half_saturation": float(150 * size / scale["search"]), "slope": 1.0}),
    }
    fixed = {
        name: {**channels[name], "adstock": adstock, "saturation": saturation}
        for name, (adstock, saturation) in known.items()
    }
    return {**spec, "media": {**spec["media"], "channels": fixed}}


@pytest.mark.parametrize("geos", [("all",), ("n", "s", "w")])
def test_returns_are_found_where_the_shapes_are_known(geos):
    table, roi = planted(geos=geos)
    spec = planted_shapes(SPEC if len(geos) == 1 else panel_spec(), table)
    posterior = fit(table, parse_spec({**spec, "fit": RIDGE}))["posterior"].to_dataset()
    for channel, truth in roi.items():
        draws = posterior["roi"].sel(paid_channel=channel)
        assert float(draws.mean()) == pytest.approx(truth, rel=0.15)
        assert abs(float(draws.mean()) - truth) < 3 * float(draws.std())
        assert float(draws.std()) < 0.2 * truth


@pytest.mark.parametrize("geos", [("all",), ("n", "s", "w")])
def test_the_search_forecasts_as_well_as_the_truth_and_orders_carryover(geos):
    """No more than that is claimed: the return of a channel that never pauses hangs on its shape, and forecasts
    hardly tell shapes apart (docs/engines.md)."""
    table, roi = planted(geos=geos)
    spec = SPEC if len(geos) == 1 else panel_spec()
    tree = fit(table, parse_spec({**spec, "fit": RIDGE}))
    known = fit(table, parse_spec({**planted_shapes(spec, table), "fit": RIDGE}))
    assert tree.attrs["search_rmse"] < 1.01 * known.attrs["search_rmse"]
    posterior = tree["posterior"].to_dataset()
    alpha = posterior["alpha"].mean(("chain", "draw"))
    assert float(alpha.sel(channel="tv")) > float(alpha.sel(channel="search")) + 0.15
    # tv pauses, which shows the KPI without it
    assert float(posterior["roi"].sel(paid_channel="tv").mean()) == pytest.approx(roi["tv"], rel=0.35)
    assert float(tree["sample_stats"]["energy"].std()) > 0


def test_the_draws_predict_the_kpi():
    table, _ = planted()
    tree = fit(table, parse_spec({**SPEC, "fit": RIDGE}))
    from mmm_core.effects.contributions import contributions

    found = contributions(tree)
    error = (found["predicted"] - found["actual"]).to_numpy()
    assert np.sqrt((error**2).mean()) < 1.2 * NOISE
    assert float(tree["posterior"]["sigma"].mean() * tree["constant_data"]["kpi_scale"]) == pytest.approx(
        NOISE, rel=0.25
    )


def test_a_summary_of_its_one_chain_warns_of_nothing(capfd):
    from mmm_core.cli.console import sampling
    from mmm_core.diagnostics.summary import summary

    table, _ = planted(weeks=60)
    facts = summary(fit(table, parse_spec({**SPEC, "fit": {**RIDGE, "draws": 100}})))
    assert facts["rhat_max"] is None
    assert "Shape validation" not in capfd.readouterr().err
    screen = Console(file=io.StringIO(), width=120)
    screen.print(sampling(facts))
    assert "one chain x 100 draws" in screen.file.getvalue()


def test_kpi_as_a_logarithm():
    table, _ = planted()
    tree = fit(table, parse_spec({**SPEC, "kpi": {"column": "revenue", "scale": "log"}, "fit": RIDGE}))
    level = fit(table, parse_spec({**SPEC, "fit": RIDGE}))
    for channel in ("tv", "search"):
        one, other = (float(t["posterior"]["roi"].sel(paid_channel=channel).mean()) for t in (tree, level))
        assert one == pytest.approx(other, rel=0.4)


def test_a_holdout_is_forecast_with_a_spread_that_grows():
    table, _ = planted()
    tree = fit(table, parse_spec({**SPEC, "fit": RIDGE}), holdout_weeks=13)
    changed = table.copy()
    changed.loc[changed.index[-13:], "revenue"] *= 2
    again = fit(changed, parse_spec({**SPEC, "fit": RIDGE}), holdout_weeks=13)
    np.testing.assert_allclose(again["posterior"]["roi"], tree["posterior"]["roi"])
    spread = tree["posterior"]["level"].std(("chain", "draw")).to_numpy()
    assert spread[-1] > spread[-14]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"likelihood": "student_t"}, "likelihood: student_t"),
        ({"baseline": {"slope": "random_walk"}}, "slope: random_walk"),
        ({"media": {**SPEC["media"], "pooling": {"by": "group"}}}, "media: pooling"),
        ({"media": {**SPEC["media"], "defaults": {"time_varying": {}}}}, "time_varying"),
    ],
)
def test_what_a_regression_does_not_have_is_refused_by_name(changes, words):
    with pytest.raises(InputError, match=words):
        fit(weekly_table(104), parse_spec({**SPEC, "fit": RIDGE, **changes}))


def test_effects_of_each_geo_and_short_tables_are_refused():
    own = panel_spec(geo={"column": "geo", "pooling": "none"}, fit=RIDGE)
    with pytest.raises(InputError, match="pooling: none"):
        fit(weekly_table(80, geos=("n", "s")), parse_spec(own))
    with pytest.raises(InputError, match="needs 40 weeks"):
        fit(weekly_table(42), parse_spec({**SPEC, "fit": RIDGE}))
