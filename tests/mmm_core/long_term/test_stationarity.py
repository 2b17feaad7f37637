import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.long_term.stationarity import Stationarity, stationarity


def test_what_wanders_and_what_comes_back():
    rng = np.random.default_rng(0)
    shocks = rng.normal(size=(300, 2))
    back = np.zeros(300)
    for week in range(1, 300):
        back[week] = 0.5 * back[week - 1] + shocks[week, 0]
    frame = pd.DataFrame({"back": back, "wanders": np.cumsum(shocks[:, 1])})
    first, second = stationarity(frame)
    assert first.verdict == "stationary"
    assert "effects die out" in first.sentence_of()
    assert second.verdict == "unit root"
    assert "differenced=" in second.sentence_of()


@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e13, 1e200])
def test_a_verdict_does_not_hang_on_the_unit(unit):
    rng = np.random.default_rng(4)
    sales = 50 + np.convolve(rng.normal(size=240), 0.6 ** np.arange(30), "valid")
    (ours,), (theirs,) = (stationarity(pd.DataFrame({"sales": sales * factor})) for factor in (1, unit))
    assert ours.verdict == "stationary"
    assert theirs.adf_p == pytest.approx(ours.adf_p, rel=1e-6)
    assert theirs.kpss_p == pytest.approx(ours.kpss_p, rel=1e-6)


@pytest.mark.parametrize(("adf", "kpss", "verdict"), [(0.5, 0.1, "unclear"), (0.01, 0.01, "trend or step")])
def test_where_the_tests_do_not_agree(adf, kpss, verdict):
    found = Stationarity("base", adf, kpss)
    assert found.verdict == verdict
    assert found.sentence_of().startswith(f"base: {verdict}")


def test_no_test_of_a_constant():
    with pytest.raises(InputError, match="'flat' has gaps or never changes"):
        stationarity(pd.DataFrame({"flat": np.ones(50)}))
