"""Hyperparameters: their density against stacked rows, their draws and evidence against a grid."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import logsumexp

from mmm_core.long_term.conjugate import Moments, factors, log_marginal_likelihood, moments
from mmm_core.long_term.fit import lag_order, prepare
from mmm_core.long_term.minnesota import GammaPrior, Minnesota, centre, precision
from mmm_core.long_term.series import series
from mmm_core.long_term.tightness import ToldByTightness, optimum, sample
from tests.mmm_core.long_term.worlds import world

MADE = world(80, seed=4)
GIVEN = series(MADE.variables, MADE.spend)
ONE_FREE = Minnesota(media=0.3, sum_of_coefficients=None, initial_observation=None)


def grid_of(problem):
    points = np.exp(np.linspace(np.log(1e-3), np.log(30), 4000))[:, None]
    log_density = problem.log_density(points) + np.log(points[:, 0])  # per unit of log lambda
    return points[:, 0], log_density, np.log(points[1, 0] / points[0, 0])


@pytest.mark.parametrize("own", [1.0, 0.4])
def test_the_likelihood_is_that_of_all_rows_over_that_of_the_dummies(own):
    problem = prepare(GIVEN, 2, 1, Minnesota(centre=own)).problem
    values = np.array([0.15, 0.4, 0.8, 1.7])
    layout, units = problem.layout, prepare(GIVEN, 2, 1, Minnesota()).units
    rows = GIVEN.regression(2, 1)
    middle = centre(layout, np.full(3, own))
    data = (rows.outcome / units.variables, rows.regressors / units.regressors(layout))
    y0 = MADE.variables.to_numpy()[:2].mean(0) / units.variables
    x0 = MADE.spend.to_numpy()[:2].mean(0) / units.media
    dummy = np.zeros((4, layout.regressors))
    dummy[range(3), range(3)] = dummy[range(3), range(3, 6)] = y0 / 0.8
    dummy[3] = np.concatenate([y0, y0, x0, x0, [1.0]]) / 1.7
    outcome = np.concatenate([np.diag(y0) / 0.8, y0[None] / 1.7])
    strength = precision(problem.prior, layout, problem.tightness(values))

    def of(y, x):
        return log_marginal_likelihood(moments(y, x, middle), strength, 5.0)

    both = of(np.concatenate([data[0], outcome]), np.concatenate([data[1], dummy]))
    assert problem.log_likelihood(values) == pytest.approx(both - of(outcome, dummy), rel=1e-10)


def test_a_tightness_near_nothing_has_a_likelihood_too():
    problem = prepare(GIVEN, 2, 1, Minnesota(centre=0.4)).problem
    found = problem.log_likelihood(np.array([[0.2, 0.2, 1e-3, 1e-3], [0.2, 0.2, 2e-3, 2e-3]]))
    assert np.isfinite(found).all()


def test_the_optimum_is_the_top_of_the_density():
    problem = prepare(GIVEN, 2, 1, ONE_FREE).problem
    points = np.linspace(0.01, 2, 4000)[:, None]
    assert optimum(problem)[0] == pytest.approx(points[np.argmax(problem.log_density(points)), 0], abs=1e-3)


def test_draws_and_evidence_are_those_of_a_grid():
    problem = prepare(GIVEN, 2, 1, ONE_FREE).problem
    points, log_density, width = grid_of(problem)
    weight = np.exp(log_density - logsumexp(log_density))
    found = sample(problem, 20_000, np.random.default_rng(0))
    assert found.acceptance > 0.6
    assert found.log_evidence == pytest.approx(logsumexp(log_density) + np.log(width), abs=0.02)
    edges = np.interp([0.05, 0.25, 0.5, 0.75, 0.95], np.cumsum(weight), points)
    shares = [np.mean(found.values[:, 0] < edge) for edge in edges]
    assert shares == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95], abs=0.02)


def test_series_known_as_draws_have_posteriors_of_their_own():
    """Two quite different worlds, each 1500 times: draws of each are those of its own grid."""
    other = world(80, seed=9).variables
    values = xr.DataArray(
        np.repeat(np.stack([MADE.variables.to_numpy(), other.to_numpy() * [1.0, 1.0, 3.0]]), 1500, axis=0),
        dims=("draw", "week", "variable"),
        coords={"week": MADE.variables.index, "variable": list(other)},
    )
    problem = prepare(series(values, MADE.spend), 1, 0, ONE_FREE).problem
    found = sample(problem, 3000, np.random.default_rng(1))
    assert np.isnan(found.log_evidence)
    for first in (0, 1500):
        points = np.exp(np.linspace(np.log(1e-3), np.log(30), 2000))[:, None]
        known = problem.known.at(np.array([first]))
        log_density = problem.log_density(points, known) + np.log(points[:, 0])
        weight = np.exp(log_density - logsumexp(log_density))
        edges = np.interp([0.1, 0.5, 0.9], np.cumsum(weight), points[:, 0])
        shares = [np.mean(found.values[first : first + 1500, 0] < edge) for edge in edges]
        assert shares == pytest.approx([0.1, 0.5, 0.9], abs=0.04)


def test_nothing_to_learn_is_the_plain_marginal_likelihood():
    fixed = Minnesota(0.2, 0.3, None, None)
    problem = prepare(GIVEN, 2, 1, fixed).problem
    found = sample(problem, 5, np.random.default_rng(0))
    strength = problem.precision(np.zeros(0))
    assert found.values.shape == (5, 0)
    assert found.log_evidence == pytest.approx(float(log_marginal_likelihood(problem.known, strength, 5.0)))


def test_the_lag_order_that_made_the_data_has_the_most_evidence():
    rng = np.random.default_rng(5)
    values = np.zeros((400, 2))
    for week in range(3, 400):
        values[week] = 0.3 * values[week - 1] + 0.5 * values[week - 3] + rng.normal(size=2)
    frame = pd.DataFrame(
        values[100:], index=pd.date_range("2018-01-01", periods=300, freq="7D"), columns=["a", "b"]
    )
    found = lag_order(series(frame), [1, 2, 3, 5], prior=Minnesota(centre=0.0))
    assert found.index.tolist() == [1, 2, 3, 5]
    assert found.idxmax() == 3


def test_a_gamma_prior_pulls_the_optimum():
    tight = Minnesota(GammaPrior(0.01, 0.001), 0.3, None, None)
    assert (
        optimum(prepare(GIVEN, 2, 1, tight).problem)[0] < optimum(prepare(GIVEN, 2, 1, ONE_FREE).problem)[0]
    )


@pytest.mark.parametrize("prior", [Minnesota(centre=0.4), Minnesota(terms=1.0), ONE_FREE])
def test_what_a_tightness_says_by_itself_and_what_rows_add_are_the_density(prior):
    problem = prepare(GIVEN, 2, 1, prior).problem
    free = len(problem.names)
    logs = np.random.default_rng(0).normal(-1, 0.4, (5, free))
    told = problem.told_by(logs)
    known = problem.known
    rows = Moments(known.rows, *(np.repeat(part[None], 5, axis=0) for part in known[1:]))
    _, _, _, of_rows = factors(rows + told.dummies, told.precision)
    degrees = problem.degrees + known.rows + problem.dummy_rows
    found = told.log_density - 0.5 * (degrees * of_rows[:, 1] + 3 * of_rows[:, 0])
    expected = problem.log_density_of_logs(logs)
    assert np.allclose(np.diff(found), np.diff(expected))
    assert np.allclose(told.precision, problem.precision(np.exp(logs)))
    assert problem.told_by(np.full((1, free), 9.0)).log_density[0] == -np.inf

    twice = ToldByTightness.joined(told, problem.told_by(logs + 1.0)).at(np.array([1, 7]))
    again = problem.told_by(np.stack([logs[1], logs[2] + 1.0]))
    for one, other in zip(
        (*twice[:2], *twice.dummies, twice[3]), (*again[:2], *again.dummies, again[3]), strict=True
    ):
        assert np.allclose(one, other)
