import dataclasses

import numpy as np
import pytest
from statsmodels.tsa.api import VAR

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.residuals import portmanteau, portmanteau_of, residuals
from tests.mmm_core.long_term.worlds import known, path, world

MADE = world(150, seed=3)


def test_residuals_of_the_truth_are_its_shocks():
    rng = np.random.default_rng(0)
    shocks, spend = rng.normal(size=(150, 3)), MADE.spend.to_numpy()
    values = path(MADE.lags, MADE.media, MADE.intercept, spend, shocks, np.zeros((2, 3)))
    made = dataclasses.replace(MADE, variables=MADE.variables.copy())
    made.variables[:] = values
    assert np.allclose(residuals(known(made))[0], shocks[2:], atol=1e-12)


def test_the_statistic_is_that_of_statsmodels():
    theirs = VAR(MADE.variables.to_numpy()).fit(2)
    expected = theirs.test_whiteness(nlags=10, adjusted=True)
    found = portmanteau_of(theirs.resid[None], 2, 10)
    assert found.statistic[0] == pytest.approx(expected.test_statistic, rel=1e-9)
    assert found.p_value[0] == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.degrees == expected.df


def test_a_lag_that_is_missing_is_found():
    rng = np.random.default_rng(1)
    values = MADE.variables.copy()
    series = np.zeros((200, 3))
    for week in range(4, 200):
        series[week] = 0.2 * series[week - 1] + 0.6 * series[week - 4] + rng.normal(size=3)
    values[:] = series[50:]
    short = portmanteau(fit_bvar(values, lags=1, draws=50))
    enough = portmanteau(fit_bvar(values, lags=4, draws=50))
    assert short.median_p < 0.001 < enough.median_p
    assert "take more lags" in short.sentence
    assert "no sign" in enough.sentence


def test_with_too_few_rows_nothing_is_said_of_them():
    few = portmanteau(fit_bvar(MADE.variables.iloc[:13, :1], lags=2, draws=50))
    assert np.isnan(few.median_p)
    assert few.sentence.startswith("too few weeks to tell")
    assert portmanteau(fit_bvar(MADE.variables.iloc[:20, :1], lags=2, draws=50)).median_p > 0


def test_it_takes_more_lags_than_the_model_has():
    with pytest.raises(InputError, match=r"more lags than the model has \(2\), got 2"):
        portmanteau(known(MADE), lags=2)


def test_residuals_of_states_are_told_by_the_degrees_of_shocks():
    """Known states with the coefficients that made them, world by world: half of all p-values are above a half."""
    above = []
    for seed in range(40):
        draws = known(world(150, seed=seed))
        draws["modelled"] = draws["modelled"].expand_dims(draw=draws["draw"])
        draws.attrs["states"] = 3
        above.append(portmanteau(draws).p_value[0] > 0.5)
    assert 0.3 < np.mean(above) < 0.7
