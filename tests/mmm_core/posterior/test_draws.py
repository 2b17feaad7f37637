"""The one rule of thinning: evenly spread draws, as many of each chain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm_core.posterior.draws import thinned


def test_all_draws_where_they_fit():
    assert thinned(2, 20, 100).tolist() == list(range(40))


def test_every_nth_draw_of_each_chain():
    assert thinned(2, 20, 10).tolist() == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]


@given(st.integers(1, 8), st.integers(1, 500), st.integers(1, 3000))
def test_chains_stay_equally_long_and_draws_evenly_spread(chains, draws, most):
    found = thinned(chains, draws, most).reshape(chains, -1)
    assert found.size <= max(most, chains)
    assert found.size > min(most, chains * draws) - chains
    np.testing.assert_array_equal(
        found - found[0], np.arange(chains)[:, None] * np.full(found.shape[1], draws)
    )
    gaps = np.diff(found[0])
    assert found[0][0] == 0
    assert gaps.size == 0 or (gaps.min() >= 1 and np.ptp(gaps) <= 1)


@pytest.mark.parametrize("most", [0, 1])
def test_a_draw_of_each_chain_is_the_least(most):
    assert thinned(3, 10, most).tolist() == [0, 10, 20]
