"""Levels of regions: the closed forms against the joint normal distribution written out."""

import numpy as np
import pytest
from scipy import stats

from benchmarks import regions
from benchmarks.regions import Table, Variant
from mmm_core.data.shrinkage import Scales

GEOS, SEEN, HORIZON = 3, 20, regions.HORIZON
WEEKS = SEEN + HORIZON


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    week = np.arange(WEEKS) / WEEKS
    terms = np.stack([np.ones(WEEKS), np.sin(9 * week), rng.normal(size=WEEKS)], axis=-1)
    design = terms + 0.1 * rng.normal(size=(GEOS, WEEKS, 3))
    walks = 0.3 * rng.normal(size=(GEOS + 1, WEEKS)).cumsum(axis=1)
    kpi = design @ [0.5, 1.0, 0.2] + walks[0] + walks[1:] + 0.5 * rng.normal(size=(GEOS, WEEKS))
    scales = Scales(np.log([100.0, 1.0, 1.0]), np.array([[0.0], [1.0], [1.0]]), np.zeros(1), np.ones(1))
    waves = np.stack([np.sin(9 * week), np.cos(9 * week)], axis=-1)
    return Table("made up", kpi, np.ones(GEOS), design, scales, waves, np.array([1, 2]), 0)


def joint_covariance(table, variant, point):
    """Of all geos' weeks, geo by geo."""
    sigma, (tau, omega, kappa) = np.exp(point[0]), np.exp(point[1:4])
    walk = np.minimum.outer(np.arange(WEEKS), np.arange(WEEKS))
    common = variant.common * tau**2 * walk + variant.shock * kappa**2 * np.eye(WEEKS)
    waves = np.exp(point[4]) * table.waves / table.harmonic
    common = common + variant.season * waves @ waves.T
    columns = table.design * table.scales.of(point[5:])
    out = np.kron(np.ones((GEOS, GEOS)), common)
    for geo, rows in enumerate(columns):
        at = slice(geo * WEEKS, (geo + 1) * WEEKS)
        out[at, at] += np.eye(WEEKS) + variant.own * omega**2 * walk + rows @ rows.T
    return sigma**2 * out


VARIANTS = list(regions.VARIANTS.values())


@pytest.mark.parametrize("variant", VARIANTS, ids=list(regions.VARIANTS))
def test_forecasts_are_those_of_the_joint_normal_distribution(table, variant):
    point = np.array([np.log(0.6), np.log(0.4), np.log(0.5), np.log(0.3), -0.4, 0.2])
    covariance = joint_covariance(table, variant, point)
    seen = np.tile(np.arange(WEEKS) < SEEN, GEOS)
    gain = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, ~seen)]).T
    mean = gain @ table.kpi[:, :SEEN].ravel()
    sd = np.sqrt(np.diag(covariance[np.ix_(~seen, ~seen)] - gain @ covariance[np.ix_(seen, ~seen)]))
    found = regions.forecast(table, variant, point, SEEN)
    np.testing.assert_allclose(found[0].ravel(), mean, atol=1e-8)
    np.testing.assert_allclose(found[1].ravel(), sd, rtol=1e-8)


@pytest.mark.parametrize(
    "variant", [VARIANTS[0], Variant(shock=True, season=True, own=True)], ids=["common", "all"]
)
def test_the_mode_is_the_top_of_the_joint_density_with_the_priors(table, variant):
    seen = np.tile(np.arange(WEEKS) < SEEN, GEOS)
    present = [True, variant.common, variant.own, variant.shock, variant.season]

    def density(point):
        covariance = joint_covariance(table, variant, point)[np.ix_(seen, seen)]
        steps = np.exp(point[1:4] + point[0])
        priors = stats.halfnorm.logpdf(np.exp(point[0])) + point[0]
        priors += (stats.halfnorm.logpdf(steps, scale=[0.1, 0.1, 1.0]) + np.log(steps)).sum()
        known = stats.multivariate_normal.logpdf(table.kpi[:, :SEEN].ravel(), cov=covariance)
        return known + priors + stats.norm.logpdf(point[4], scale=1.5) + stats.norm.logpdf(point[5])

    mode = regions.most_likely(table, variant, SEEN)
    top = density(mode)
    for place, there in enumerate([*present, True]):
        for step in (-0.05, 0.05):
            moved = mode + step * (np.arange(len(mode)) == place)
            assert density(moved) < top, place
            if there:
                assert density(moved) > top - 2  # and it is no cliff
