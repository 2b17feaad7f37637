"""Learned prior scales: against the marginal likelihood by brute force, and on worlds whose season is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from mmm_core.data.arrays import TERM_PRIOR_SD, model_data, scaled_kpi, shrunk_groups
from mmm_core.data.shrinkage import Evidence, Scales, effective_number, media_proxies, scales_of
from mmm_core.errors import SpecError
from mmm_core.spec.model_spec import parse_spec

SPEC = {
    "model": "season",
    "table": "weekly_tables/season",
    "kpi": {"column": "revenue"},
    "media": {"defaults": {"adstock": {"l_max": 4}}, "channels": {"tv": {"spend": "tv_spend"}}},
}


def small_evidence(geos, step, seed=0, weeks=30, terms=4):
    rng = np.random.default_rng(seed)
    scales = Scales(
        offset=np.array([4.0, 0.0, 0.0, 0.5])[:terms],
        loadings=np.array([[0, 0], [1, 0], [1, -np.log(2)], [0, 1]], float)[:terms],
        mean=np.array([-0.3, 0.4]),
        sd=np.array([1.5, 0.7]),
    )
    design = rng.standard_normal((geos, weeks, terms))
    design[..., 0] = 1.0
    observed = rng.uniform(size=(geos, weeks)) < 0.9
    return Evidence(rng.standard_normal((geos, weeks)), observed, design, scales, step)


def brute_force(evidence, point):
    """The same density from the whole covariance matrix, which the library never builds; the point may be complex."""
    sigma, ratio, phi = np.exp(point[0]), np.exp(point[1]) if evidence.step else 0.0, point[2:]
    geos, weeks, _ = evidence.design.shape
    walk = np.tril(np.ones((weeks, weeks)))[:, 1:]
    scaled = evidence.design * np.exp(evidence.scales.offset + evidence.scales.loadings @ phi)
    covariance = np.kron(np.ones((geos, geos)), ratio**2 * walk @ walk.T) + np.eye(
        geos * weeks, dtype=point.dtype
    )
    for geo in range(geos):
        here = slice(geo * weeks, (geo + 1) * weeks)
        covariance[here, here] += scaled[geo] @ scaled[geo].T
    seen = evidence.observed.ravel()
    covariance = sigma**2 * covariance[np.ix_(seen, seen)]
    values = evidence.kpi.ravel()[seen]
    sign, log_determinant = np.linalg.slogdet(covariance)
    value = -0.5 * (np.log(sign) + log_determinant + values @ np.linalg.solve(covariance, values))
    value += point[0] - sigma**2 / 2
    if evidence.step:
        value += point[1] - (ratio * sigma / evidence.step) ** 2 / 2
    return value - 0.5 * (((phi - evidence.scales.mean) / evidence.scales.sd) ** 2).sum()


@settings(max_examples=15)
@example(geos=2, step=0.0, point=[-1.875, 0.0, -1.25, -1.25])
@given(
    geos=st.integers(1, 3),
    step=st.sampled_from([0.0, 0.1, 0.6]),
    point=st.lists(st.floats(-2, 1), min_size=4, max_size=4),
)
def test_the_density_is_that_of_the_whole_covariance(geos, step, point):
    evidence, point = small_evidence(geos, step), np.array(point)
    value, gradient = evidence.log_density(point)
    assert value == pytest.approx(brute_force(evidence, point), rel=1e-9, abs=1e-8)
    # a complex step: unlike a difference of two densities in the thousands it loses no digits
    small = 1e-30
    for i, unit in enumerate(np.eye(4) * small * 1j):
        slope = brute_force(evidence, point + unit).imag / small
        assert gradient[i] == pytest.approx(slope, rel=1e-8, abs=1e-8)


def test_the_mode_is_climbed_to_on_one_thread(monkeypatch):
    """With two, a fit beside another process waited seconds for matrices of some hundred weeks."""
    threads = []

    def counted(evidence, point):
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return log_density(evidence, point)

    log_density = Evidence.log_density
    monkeypatch.setattr(Evidence, "log_density", counted)
    with threadpool_limits(2, user_api="blas"):
        small_evidence(geos=1, step=0.3).mode()
    assert set(threads) == {1}


def test_the_mode_is_where_brute_force_finds_it():
    evidence = small_evidence(geos=2, step=0.3)
    mode = evidence.mode()
    best = brute_force(evidence, mode)
    rng = np.random.default_rng(1)
    for size in (0.02, 0.1, 0.5, 1.5):
        for _ in range(25):
            assert brute_force(evidence, mode + size * rng.standard_normal(4)) <= best + 1e-6


def season_table(height, weeks=213, seed=0, controls=0, moved=()):
    """A flat level with noise of sd 1, and `height` times a sharp season: one week in 52 stands out by 6."""
    rng = np.random.default_rng(seed)
    week = pd.date_range("2020-01-06", periods=weeks, freq="7D")
    position = (week - pd.Timestamp("1970-01-05")).days.to_numpy() / 7 / 52.18 * 2 * np.pi
    peak = np.exp(6 * (np.cos(position - 1.0) - 1))
    columns = {f"x{i}": rng.standard_normal(weeks) for i in range(controls)}
    table = pd.DataFrame(
        {"week_start": week, "tv_spend": rng.uniform(1, 5, weeks), "season": peak - peak.mean(), **columns}
    )
    moves = sum(effect * columns[name] for name, effect in dict(moved).items())
    table["revenue"] = 50 + height * table["season"] + moves + rng.standard_normal(weeks)
    return table


def learned(table, **changes):
    spec = parse_spec({**SPEC, **changes})
    return model_data(table, spec)["design_prior_sd"].to_series(), spec


def test_waves_shrink_to_nothing_where_there_is_no_season():
    baseline = {"seasonality": {"order": 10}}
    for seed in range(3):
        sd, _ = learned(season_table(height=0.0, seed=seed), baseline=baseline)
        waves = sd[[name for name in sd.index if name.startswith(("sin_", "cos_"))]]
        assert len(waves) == 20
        # of 209 weeks, least squares would know a coefficient to .1 noise sd: the prior is tighter than that
        assert np.sqrt((waves**2).mean()) < 0.06


def test_a_sharp_season_is_followed_by_ten_waves():
    table = season_table(height=6.0)
    spec = parse_spec({**SPEC, "baseline": {"seasonality": {"order": 10}, "level": "constant"}})
    data = model_data(table, spec)
    sd, design = data["design_prior_sd"].to_numpy(), data["design"].to_numpy()[0]
    assert sd[list(data["term"].to_numpy()).index("sin_1")] > 0.3
    # the mean of the coefficients given the learned scales, in noise sds; the level is flat
    precision = design.T @ design + np.diag(sd**-2.0)
    mean = np.linalg.solve(precision, design.T @ (table["revenue"].to_numpy()[4:] - 50))
    fitted = design[:, 1:] @ mean[1:]
    season = 6 * table["season"].to_numpy()[4:]
    assert np.sqrt(np.mean((fitted - fitted.mean() - season + season.mean()) ** 2)) < 0.45
    assert np.corrcoef(fitted, season)[0, 1] > 0.97


def test_a_control_that_moves_the_kpi_keeps_a_scale_that_the_others_lose():
    names = [f"x{i}" for i in range(12)]
    sd, _ = learned(season_table(0.0, controls=12, moved={"x3": 2.0}), controls=names)
    others = sd[names].drop("x3")
    assert sd["x3"] > 0.5
    assert (others < 0.2).all()


def test_scales_are_stated_where_a_specification_states_them():
    table = season_table(3.0, controls=2)
    fixed = {"seasonality": 10, "controls": 3.0}
    sd, _ = learned(table, controls=["x0", "x1"], baseline={"shrinkage": fixed})
    assert (sd[["sin_1", "cos_2"]] == 10).all()
    assert (sd[["x0", "x1"]] == 3.0).all()
    assert parse_spec({**SPEC}).baseline.shrinkage.seasonality == "learned"
    mixed, _ = learned(table, controls=["x0", "x1"], baseline={"shrinkage": {"controls": 3.0}})
    assert (mixed[["x0", "x1"]] == 3.0).all()
    assert mixed["sin_1"] < TERM_PRIOR_SD
    assert mixed["sin_1"] > mixed["sin_2"]
    for wrong in (0, -1.0, "wide"):
        with pytest.raises(SpecError, match="shrinkage"):
            parse_spec({**SPEC, "baseline": {"shrinkage": {"controls": wrong}}})


def test_holidays_share_one_learned_scale():
    stated = {"holidays": {"country": "US"}, "shrinkage": {"holidays": "learned"}}
    table = season_table(0.0)
    sd, spec = learned(table, baseline=stated)
    groups = shrunk_groups(pd.DatetimeIndex(table["week_start"][4:]), spec)
    days = [term for term, group in groups.items() if group == "holidays"]
    assert len(days) > 8
    assert sd[days].nunique() == 1
    assert sd[days[0]] < 0.3


def test_weeks_held_out_teach_nothing():
    table = season_table(3.0, controls=3, moved={"x0": 1.0})
    spec = parse_spec({**SPEC, "controls": ["x0", "x1", "x2"]})
    changed = table.assign(revenue=table["revenue"].where(np.arange(len(table)) < 200, 500.0))
    one, other = (
        model_data(t, spec, holdout_weeks=13)["design_prior_sd"].to_numpy() for t in (table, changed)
    )
    np.testing.assert_array_equal(one, other)


def test_the_scales_of_a_table_are_the_mode_of_its_evidence():
    table = season_table(3.0, controls=2, moved={"x0": 1.0})
    spec = parse_spec({**SPEC, "controls": ["x0", "x1"]})
    data = model_data(table, spec)
    terms = [str(term) for term in data["term"].to_numpy()]
    stated = model_data(table, parse_spec({**spec.model_dump(by_alias=True), **wide(spec)}))
    proxies = media_proxies(data, spec)
    groups = shrunk_groups(pd.DatetimeIndex(data["week"].to_numpy()), spec)
    scales = scales_of(terms, stated["design_prior_sd"].to_numpy(), spec, groups, proxies.shape[-1])
    design = np.concatenate([data["design"].to_numpy(), proxies], axis=-1)
    evidence = Evidence(scaled_kpi(data, spec), data["observed"].to_numpy(), design, scales, 0.1)
    np.testing.assert_allclose(
        data["design_prior_sd"], scales.of(evidence.mode()[2:])[: len(terms)], rtol=1e-6
    )


def wide(spec):
    baseline = spec.baseline.model_dump(by_alias=True)
    return {"baseline": {**baseline, "shrinkage": {"seasonality": 10.0, "controls": 10.0}}}


def test_the_effective_number_is_the_trace_of_what_the_regression_makes_of_the_weeks():
    """Against the matrix that turns a KPI into its fit, geo by geo; and its two ends."""
    rng = np.random.default_rng(5)
    design, observed = rng.standard_normal((2, 40, 6)), rng.uniform(size=(2, 40)) < 0.8
    prior_sd = np.exp(rng.normal(-1, 1.5, 6))
    fits = 0.0
    for geo in range(2):
        columns = design[geo][observed[geo]]
        fits += np.trace(columns @ np.linalg.solve(columns.T @ columns + np.diag(prior_sd**-2.0), columns.T))
    assert effective_number(design, observed, prior_sd) == pytest.approx(fits, rel=1e-9)
    assert effective_number(design, observed, np.full(6, 1e4)) == pytest.approx(12, abs=1e-6)
    assert effective_number(design, observed, np.full(6, 1e-5)) == pytest.approx(0, abs=1e-6)
