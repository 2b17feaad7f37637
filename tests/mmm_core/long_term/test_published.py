"""Lydia Pinkham's advertising and sales, 1907 to 1960, beside what has been published of them."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.worlds.published import DATA
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.multipliers import long_run_multipliers

FILE = DATA / "lydia_pinkham" / "pinkham_annual.csv"
WIDE = Minnesota(lags=1e3, media=1e3, sum_of_coefficients=None, initial_observation=None, centre=0.0)
ERAS = {"patent medicine": (1908, 1914), "regulated": (1915, 1925), "family at odds": (1926, 1940)}

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason=f"no file {FILE} (MMM_BENCH_DATA says where data are)"
)


@pytest.fixture(scope="module")
def pinkham():
    """Sales, advertising and the eras' dummies; a year a row, which stands in a week's place."""
    table = pd.read_csv(FILE)
    table.index = pd.date_range("2000-01-03", periods=len(table), freq="7D")
    for name, (first, last) in ERAS.items():
        table[name] = table["year"].between(first, last).astype(float)
    return table


def middle_and_interval(values):
    return np.quantile(values[np.isfinite(values)], [0.05, 0.5, 0.95])


def test_the_static_regression_is_the_published_one(pinkham):
    """S = 488.83 + 1.4346 A; a distributed lag that is none: sales' own lag is held at 0."""
    prior = Minnesota(lags=1e-6, media=1e3, sum_of_coefficients=None, initial_observation=None, centre=0.0)
    earlier = pinkham.iloc[[0]].set_axis(pinkham.index[:1] - pd.Timedelta(days=7))
    rows = pd.concat([earlier, pinkham])  # the first year is a lag and no row: all 54 are fitted
    found = fit_bvar(rows[["sales"]], rows[["advertising"]], lags=1, prior=prior, draws=4000)
    assert found["media_coefficient"].mean().item() == pytest.approx(1.4346, abs=0.01)
    assert found["term_coefficient"].mean().item() == pytest.approx(488.83, abs=10)


def test_carryover_and_long_run_effect_are_those_published(pinkham):
    """Koyck with dummies of the eras (Palda 1964): .537 at once, .628 of it kept, 1.44 in the long run."""
    found = fit_bvar(
        pinkham[["sales"]], pinkham[["advertising"]], pinkham[list(ERAS)], lags=1, prior=WIDE, draws=8000
    )
    at_once = middle_and_interval(found["media_coefficient"].to_numpy().ravel())
    kept = middle_and_interval(found["lag_coefficient"].to_numpy().ravel())
    long_run = middle_and_interval(
        long_run_multipliers(found)["long_run"].sel(response="sales", channel="advertising").to_numpy()
    )
    assert at_once[1] == pytest.approx(0.537, abs=0.01)
    assert kept[1] == pytest.approx(0.628, abs=0.03)
    for (low, _, high), published in ((at_once, 0.537), (kept, 0.628), (long_run, 1.44)):
        assert low < published < high
    assert long_run[1] == pytest.approx(1.44, abs=0.12)
    columns = [
        np.ones(53),
        pinkham["advertising"][1:],
        pinkham["sales"][:-1],
        *(pinkham[name][1:] for name in ERAS),
    ]
    by_least_squares = np.linalg.lstsq(np.column_stack(columns), pinkham["sales"].to_numpy()[1:], rcond=None)[
        0
    ]
    assert found["media_coefficient"].mean().item() == pytest.approx(by_least_squares[1], abs=0.01)
    assert found["lag_coefficient"].mean().item() == pytest.approx(by_least_squares[2], abs=0.01)


def test_a_zero_filled_year_before_the_first_destroys_the_carryover(pinkham):
    """Sales of 0 before 1907 and a jump to 1016: refused as such, and what a fit of it would say."""
    from mmm_core.errors import InputError

    filled = pinkham[["sales"]].copy()
    filled.iloc[:3] = 0.0
    with pytest.raises(InputError, match="zeros in the place of an unknown past are fitted as a recovery"):
        fit_bvar(filled, pinkham[["advertising"]], lags=1, prior=WIDE)
