"""What is refused, and how the rows line up."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.series import series
from tests.mmm_core.long_term.worlds import world

MADE = world(40)
VARIABLES, SPEND = MADE.variables, MADE.spend


def test_rows_hold_the_weeks_they_name():
    given = series(VARIABLES, SPEND, pd.DataFrame({"trend": np.arange(40.0)}, index=VARIABLES.index))
    rows = given.regression(lags=2, media_lags=1)
    y, x = VARIABLES.to_numpy(), SPEND.to_numpy()
    assert rows.start == 2
    expected = np.concatenate([y[1], y[0], x[2], x[1], [1.0, 2.0]])
    assert np.array_equal(rows.regressors[0], expected)
    assert np.array_equal(rows.outcome[0], y[2])
    assert np.array_equal(rows.outcome[-1], y[-1])
    assert rows.layout.regressors == len(expected)


def test_media_before_the_first_week_serve_as_lags():
    given = series(VARIABLES.iloc[10:], SPEND)
    assert given.history == 10
    rows = given.regression(lags=1, media_lags=4)
    assert rows.start == 1
    assert np.array_equal(rows.regressors[0, 3:13], SPEND.to_numpy()[11:6:-1].ravel())


def test_without_them_rows_wait_for_their_media():
    assert series(VARIABLES, SPEND).regression(lags=1, media_lags=4).start == 4


def test_differenced_variables_lose_their_first_week():
    given = series(VARIABLES, SPEND, differenced=("base",))
    assert np.array_equal(given.modelled[:, 2], np.diff(VARIABLES["base"]))
    assert np.array_equal(given.modelled[:, 0], VARIABLES["awareness"].to_numpy()[1:])
    assert given.history == 1
    assert given.weeks[0] == VARIABLES.index[1].to_datetime64()


def test_series_of_any_unit_are_no_copies_of_one_another():
    assert series(VARIABLES * [1.0, 1e-200, 1e150]).variables == tuple(VARIABLES)


def test_draws_lead():
    values = xr.DataArray(
        np.stack([VARIABLES.to_numpy(), VARIABLES.to_numpy() + 1]),
        dims=("draw", "week", "variable"),
        coords={"week": VARIABLES.index, "variable": list(VARIABLES)},
    )
    rows = series(values.transpose("week", "variable", "draw"), SPEND).regression(2)
    assert rows.outcome.shape == (2, 38, 3)
    assert np.array_equal(rows.regressors[1, :, :3], rows.regressors[0, :, :3] + 1)
    assert np.array_equal(rows.regressors[1, :, 6:], rows.regressors[0, :, 6:])


@pytest.mark.parametrize(
    ("variables", "media", "settings", "words"),
    [
        (VARIABLES.drop(VARIABLES.index[5]), None, {}, "not seven days apart before 2021-02-15"),
        (VARIABLES.iloc[::-1], None, {}, "doubled or out of order"),
        (
            VARIABLES.assign(base=VARIABLES["base"].where(VARIABLES.index != VARIABLES.index[3])),
            None,
            {},
            "weekly_states",
        ),
        (VARIABLES.assign(base=3.0), None, {}, "'?base'? never changes"),
        (VARIABLES.assign(copy=2 * VARIABLES["base"] + 1), None, {}, "'copy' is a copy of 'base'"),
        (VARIABLES.assign(total=VARIABLES.sum(axis=1) - 3), None, {}, "total add up"),
        (VARIABLES, SPEND.assign(twin=SPEND["tv"]), {}, "channel 'twin' is a copy of 'tv'"),
        (VARIABLES, SPEND.assign(dark=0.0), {}, "dark never changes"),
        (VARIABLES, SPEND.iloc[1:], {}, "media lack 1 week of the variables .2021-01-04"),
        (VARIABLES, None, {"differenced": ("bas",)}, "known: awareness, consideration, base"),
        (VARIABLES.iloc[:1], None, {}, "have 1 week: "),
    ],
)
def test_bad_input_is_refused_by_name(variables, media, settings, words):
    with pytest.raises(InputError, match=words):
        series(variables, media, **settings)


def test_zeros_in_the_place_of_an_unknown_past_are_refused():
    padded = VARIABLES.copy()
    padded.iloc[:4, 2] = 0.0
    with pytest.raises(InputError, match="'base' is 0 in its first 4 weeks and never again"):
        series(padded)


def test_more_coefficients_than_weeks_are_refused():
    with pytest.raises(InputError, match="28 weeks are left after the lags, for 39 coefficients an equation"):
        series(VARIABLES, SPEND).regression(lags=12)
    with pytest.raises(InputError, match="lags must be 1 or more"):
        series(VARIABLES).regression(lags=0)


def test_a_first_value_carried_back_is_refused_and_one_zero_or_a_price_that_stands_still_is_not():
    carried = MADE.variables.copy()
    carried.iloc[:6, 2] = carried.iloc[5, 2]
    with pytest.raises(InputError, match=r"'base' is [0-9.]+ in its first 6 weeks and never again"):
        series(carried)
    begun = MADE.variables.copy()
    begun.iloc[0, 2] = 0.0  # a launch
    assert len(series(begun).weeks) == len(begun)
    priced = MADE.variables.copy()
    priced["base"] = np.repeat(priced["base"].to_numpy()[::6], 6)[
        : len(priced)
    ]  # one that stands still every now and then
    assert len(series(priced).weeks) == len(priced)


def test_what_zeros_in_the_place_of_an_unknown_past_would_do():
    """A brand moves about 5 with a persistence of 0.5; with zeros before it, it seems to keep nearly everything."""
    rng = np.random.default_rng(0)
    brand = np.zeros(120)
    for week in range(1, 120):
        brand[week] = 0.5 * brand[week - 1] + rng.normal(0, 0.3)
    index = pd.date_range("2020-01-06", periods=112, freq="7D")
    whole = pd.DataFrame({"brand": 5 + brand[8:]}, index=index)
    padded = whole.copy()
    padded.iloc[:12, 0] = rng.normal(0, 1e-9, 12)  # not exactly 0, which is refused
    flat = Minnesota(1e4, 1e4, None, None)

    def persistence(frame):
        return float(fit_bvar(frame, lags=1, prior=flat, draws=2000)["lag_coefficient"].mean())

    assert persistence(whole) == pytest.approx(0.5, abs=0.15)
    assert persistence(padded) > 0.85
    with pytest.raises(InputError, match="'brand' is 0 in its first 12 weeks"):
        series(padded.round(3))
