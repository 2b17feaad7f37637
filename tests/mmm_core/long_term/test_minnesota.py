"""The prior's dummies against rows written out, its densities against SciPy, its units against an AR(1)."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import gamma

from mmm_core.errors import InputError
from mmm_core.long_term.conjugate import moments
from mmm_core.long_term.minnesota import (
    GammaPrior,
    Minnesota,
    Tightness,
    centre,
    dummies,
    dummy_sets,
    precision,
    scales,
    start,
)
from mmm_core.long_term.series import series
from tests.mmm_core.long_term.worlds import world

MADE = world(60)
GIVEN = series(MADE.variables, MADE.spend)
LAYOUT = GIVEN.layout(2, 1)


@pytest.mark.parametrize(("mode", "sd"), [(0.2, 0.4), (1.0, 1.0), (3.0, 0.5)])
def test_a_gamma_prior_has_the_mode_and_sd_it_is_stated_by(mode, sd):
    belief = GammaPrior(mode, sd)
    shape, scale = belief.shape_and_scale
    known = gamma(shape, scale=scale)
    assert known.std() == pytest.approx(sd)
    assert known.expect(lambda x: x**2) == pytest.approx(belief.mean_square, rel=1e-6)
    assert belief.log_density(np.array(0.7)) == pytest.approx(known.logpdf(0.7))
    top = minimize_scalar(lambda x: -belief.log_density(np.array(x)), bounds=(1e-3, 10), method="bounded")
    assert top.x == pytest.approx(mode, abs=1e-4)


def test_prior_precision_by_lag_channel_and_term():
    prior = Minnesota(decay=2.0, media_decay=1.0)
    tight = Tightness(np.array(0.2), np.array(0.5), np.array(np.inf), np.array(np.inf))
    found = 1 / precision(prior, LAYOUT, tight)
    assert np.allclose(found[:3], 0.2**2)
    assert np.allclose(found[3:6], 0.2**2 / 4)
    assert np.allclose(found[6:8], 0.5**2)
    assert np.allclose(found[8:10], 0.5**2 / 2)
    assert found[10] == pytest.approx(1e7)


def test_dummies_are_the_rows_they_stand_for():
    units, mu, theta = scales(GIVEN), 0.7, 2.5
    own = np.array([1.0, 1.0, 0.4])
    first = start(GIVEN, LAYOUT, units, 2)
    y0 = MADE.variables.to_numpy()[:2].mean(0) / units.variables
    x0 = MADE.spend.to_numpy()[:2].mean(0) / units.media
    rows = np.zeros((4, LAYOUT.regressors))
    for j in range(3):
        rows[j, [j, 3 + j]] = y0[j] / mu
    rows[3] = np.concatenate([y0, y0, x0, x0, [1.0]]) / theta
    outcome = np.concatenate([np.diag(y0) / mu, y0[None] / theta])
    expected = moments(outcome, rows, centre(LAYOUT, own))
    tight = Tightness(np.array(0.2), np.array(0.2), np.array(mu), np.array(theta))
    found = dummies(dummy_sets(LAYOUT, first, own), tight)
    assert found.rows == expected.rows
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert np.allclose(ours, theirs)


def test_without_dummies_there_are_no_rows():
    tight = Minnesota(sum_of_coefficients=None, initial_observation=None).tightness(
        LAYOUT, np.zeros((5, 2)) + 0.3
    )
    found = dummies(dummy_sets(LAYOUT, start(GIVEN, LAYOUT, scales(GIVEN), 2), np.ones(3)), tight)
    assert found.rows == 0
    assert not found.gram.any()


def test_units_are_the_residuals_of_an_autoregression():
    y = MADE.variables["base"].to_numpy()
    rows = np.column_stack([np.ones(59), y[:-1]])
    coefficients, square, *_ = np.linalg.lstsq(rows, y[1:], rcond=None)
    assert scales(GIVEN).variables[2] == pytest.approx(np.sqrt(square[0] / 57))
    assert coefficients.shape == (2,)


def test_centre_by_name_and_of_differences():
    changes = series(MADE.variables, differenced=("base",))
    assert Minnesota().own_lags(changes).tolist() == [1.0, 1.0, 0.0]
    assert Minnesota(centre={"base": 0.5}).own_lags(changes).tolist() == [1.0, 1.0, 0.5]
    with pytest.raises(InputError, match="did you mean 'base'"):
        Minnesota(centre={"bas": 0.5}).own_lags(changes)


@pytest.mark.parametrize("fault", [{"lags": 0.0}, {"media": -1.0}, {"sum_of_coefficients": 0}])
def test_a_tightness_is_above_zero(fault):
    with pytest.raises(InputError, match="must be above 0"):
        Minnesota(**fault)


def test_a_series_that_is_a_formula_has_no_units():
    made = MADE.variables.assign(formula=np.arange(1, 61.0))
    with pytest.raises(InputError, match="without any noise"):
        scales(series(made))
