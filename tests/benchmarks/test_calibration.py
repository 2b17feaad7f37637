"""What the worlds with lift tests promise, and how the figures of the benchmark stand beside each other."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration import FITS, beside_peers
from benchmarks.sbc import ROI
from benchmarks.worlds.confounded import ERROR, L_MAX, confounded

SEEDS = range(1, 41)
REVENUE, INCREMENTAL = (
    1_279_888.4664226952,
    243_245.76209517097,
)  # of the last week and the first test of world 1


@pytest.fixture(scope="module")
def of_prior():
    return [confounded(seed, kind="prior") for seed in SEEDS]


def test_returns_of_the_prior_are_the_priors_own_and_neither_spend_nor_error_tells_them(of_prior):
    roi = np.log([list(tested.world.true_roi.values()) for tested in of_prior])
    assert roi.mean() == pytest.approx(ROI[0], abs=3 * ROI[1] / np.sqrt(roi.size))
    assert roi.std() == pytest.approx(ROI[1], rel=3 / np.sqrt(2 * roi.size))
    spend = np.log([tested.world.table.filter(like="_spend")[L_MAX:].sum() for tested in of_prior])
    assert abs(np.corrcoef(spend.ravel(), roi.ravel())[0, 1]) < 3 / np.sqrt(roi.size)
    for weighed in of_prior[0].tests:
        expected = ERROR * np.exp(ROI[0]) * weighed.test.incremental_spend
        assert weighed.standard_error == pytest.approx(expected)


def test_typical_worlds_are_those_that_the_peers_were_fitted_to():
    tested = confounded(1)
    assert tested.world.table["revenue"].iloc[-1] == pytest.approx(REVENUE)
    assert tested.tests[0].test.incremental == pytest.approx(INCREMENTAL)


def test_figures_of_ours_stand_beside_a_peers():
    true = {"search": 1.0, "tv": 2.0}
    rows = pd.DataFrame(
        {"world": world, "fit": fit, "channel": name, "true": value, "mean": value * (1 + off), "covered": off < 0.5,
         "crps": off, "unforeseen": float(world == "a") if fit == FITS[0] else np.nan}
        for world in ("a", "b")
        for fit, off in zip((*FITS, "meridian"), (0.1, 1.0, 0.6, 0.4, 0.2), strict=True)
        for name, value in true.items()
    )  # fmt: skip
    found = beside_peers(rows, ["meridian"])
    assert found["coverage_90"] == 1.0
    assert found["coverage_90_tests_alone"] == 0.0
    assert found["error_ratio"] == pytest.approx(0.1)
    assert found["relative_error_ratio_vs_meridian"] == pytest.approx(0.5)
    assert found["crps_ratio_vs_meridian"] == pytest.approx(0.5)
    assert found["unforeseen_worlds"] == 0.5
    alone = beside_peers(rows[rows["fit"] == "meridian"], ["meridian"])
    assert set(alone) == {"meridian"}
