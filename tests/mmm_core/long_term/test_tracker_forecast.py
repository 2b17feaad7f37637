"""Forecasts from past weeks beside "as before": against plain loops, and without a look at what came later."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from mmm_core.errors import InputError
from mmm_core.long_term.tracker_forecast import tracker_against_random_walk

pytestmark = pytest.mark.slow

WEEKS, AHEAD = 130, 13
INDEX = pd.date_range("2021-01-04", periods=WEEKS, freq="7D")
LAST_ORIGIN = WEEKS - AHEAD


def brand(carry, spend_effect, seed=3):
    """tv -> awareness (a logit), which carries over so much from week to week, -> base; spend comes in bursts."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, WEEKS + 60) * np.repeat(rng.random(48) < 0.5, 4)[: WEEKS + 60]
    values = np.zeros((WEEKS + 60, 2))
    for week in range(1, WEEKS + 60):
        aware, base = values[week - 1]
        values[week] = carry * aware + spend_effect * spend[week], 0.3 * base + 4.0 * aware
        values[week] += rng.normal(0, [0.05, 0.2])
    frame = pd.DataFrame(values[60:], index=INDEX, columns=["awareness", "base"])
    return frame, pd.DataFrame({"tv": spend[60:]}, index=INDEX)


def waves(logits, every=2, sample=4000):
    places = np.arange(0, WEEKS, every)
    share = np.random.default_rng(1).binomial(sample, expit(logits.to_numpy()[places])) / sample
    end = INDEX[places] + pd.Timedelta(days=6)
    return pd.DataFrame({"start": INDEX[places], "end": end, "share": share, "sample": sample})


def base_of(values, draws=40, sd=0.1):
    """As a short-term model leaves it: draws of the base and what each measured."""
    rng = np.random.default_rng(2)
    paths = values.to_numpy() + rng.normal(0, 0.02, (draws, WEEKS))
    dims, coords = ("draw", "week"), {"draw": np.arange(draws), "week": INDEX}
    parts = {"base": paths, "measured": paths + rng.normal(0, sd, WEEKS), "sd": np.full(paths.shape, sd)}
    return xr.Dataset({name: (dims, part) for name, part in parts.items()}, coords=coords)


def compared(variables, media, asked, origins=1, **settings):
    found = tracker_against_random_walk(
        base_of(variables["base"]), {"awareness": asked}, media, origins=origins, lags=1, **settings
    )
    return found.set_index("variable")


@pytest.fixture(scope="module")
def driven():
    """What is forecast where next weeks' spend says most of what comes."""
    variables, media = brand(0.7, 0.15)
    asked = waves(variables["awareness"])
    return variables, media, asked, compared(variables, media, asked, origins=3)


def test_media_that_drive_a_brand_forecast_it_better_than_the_last_wave(driven):
    *_, found = driven
    assert list(found.index) == ["awareness", "base"]
    assert (found["ratio"] < 0.3).all()
    np.testing.assert_allclose(found["ratio"], found["rmse"] / found["rmse_random_walk"])


def test_as_before_is_the_last_wave_that_was_over_counted_by_a_plain_loop(driven):
    _, _, asked, found = driven
    errors = []
    for origin in np.linspace(WEEKS * 2 // 3, LAST_ORIGIN, 3).astype(int):
        ahead = INDEX[origin : origin + AHEAD]
        known = asked[asked["end"] < ahead[0]]
        later = asked[(asked["start"] >= ahead[0]) & (asked["end"] <= ahead[-1] + pd.Timedelta(days=6))]
        errors += list(later["share"] - known["share"].iloc[-1])
    assert found.loc["awareness", "forecasts"] == len(errors)
    assert found.loc["awareness", "rmse_random_walk"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert found.loc["base", "forecasts"] == 3 * AHEAD


def test_what_nothing_drives_is_forecast_as_well_as_as_before():
    ratios = []
    for seed in (3, 4, 5):
        variables, media = brand(1.0, 0.0, seed)
        ratios.append(compared(variables, media, waves(variables["awareness"]), origins=3)["ratio"])
    middle = np.exp(np.log(pd.DataFrame(ratios)).mean())
    assert middle.between(0.75, 1.33).all()


def test_waves_after_the_origin_are_held_against_the_forecast_and_never_part_of_it(driven):
    variables, media, asked, _ = driven
    origin = WEEKS * 2 // 3  # the only one of a single origin
    at = asked["start"] >= INDEX[origin]
    high = asked.assign(share=asked["share"].where(~at, 0.9))
    low = asked.assign(share=asked["share"].where(~at, 0.1))
    above, below = compared(variables, media, high), compared(variables, media, low)
    # mean squares about the same forecasts p: (.9 - p)^2 and (.1 - p)^2 differ by .8 - 1.6 mean(p), and their sum is
    # least where all p are that mean
    squares = [each.loc["awareness", "rmse"] ** 2 for each in (above, below)]
    mean = (0.8 - (squares[0] - squares[1])) / 1.6
    spread = (squares[0] + squares[1] - 0.82 + 2 * mean) / 2 - mean**2
    assert 0 < mean < 1
    assert spread >= -1e-12
    assert above.loc["base", "rmse"] == below.loc["base", "rmse"]
    middle = compared(variables, media, asked.assign(share=asked["share"].where(~at, 0.5)))
    assert middle.loc["awareness", "rmse"] ** 2 == pytest.approx((0.5 - mean) ** 2 + spread)


def test_too_few_weeks_for_an_origin_are_refused(driven):
    variables, media, asked, _ = driven
    with pytest.raises(InputError, match="130 weeks are too few to forecast 60 weeks"):
        compared(variables, media, asked, weeks=60)
