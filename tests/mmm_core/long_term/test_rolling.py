import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.long_term.rolling import against_random_walk
from tests.mmm_core.long_term.worlds import NAMES, world

MADE = world(150, seed=1)


def test_where_series_come_back_it_beats_the_random_walk():
    found = against_random_walk(
        MADE.variables, MADE.spend, lags=2, media_lags=1, origins=4, weeks=8, draws=200
    )
    assert found["variable"].tolist() == list(NAMES)
    assert (found["ratio"] < 1).all()
    assert found["ratio"].to_numpy() == pytest.approx((found["rmse"] / found["rmse_random_walk"]).to_numpy())
    assert found["coverage_90"].between(0.6, 1).all()


def test_the_random_walk_is_the_last_value():
    found = against_random_walk(MADE.variables, MADE.spend, lags=1, origins=1, weeks=50, draws=20)
    values = MADE.variables.to_numpy()
    expected = np.sqrt(((values[100:150] - values[99]) ** 2).mean(0))
    assert found["rmse_random_walk"].to_numpy() == pytest.approx(expected)


def test_no_week_after_those_forecast_matters():
    later = MADE.variables.copy()
    later.iloc[108:] *= 5.0
    settings = {"lags": 1, "origins": 1, "weeks": 8, "draws": 50}  # from week 100 on
    pd.testing.assert_frame_equal(
        against_random_walk(MADE.variables, MADE.spend, **settings),
        against_random_walk(later, MADE.spend, **settings),
    )


def test_too_few_weeks():
    with pytest.raises(InputError, match="30 weeks are too few to forecast 13 weeks"):
        against_random_walk(MADE.variables.iloc[:30], MADE.spend)
