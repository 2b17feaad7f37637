"""Permutation p-values by hand, and intervals as the effects that are not refused."""

import numpy as np
import pytest

from mmm_core.readout import conformal
from mmm_core.readout.synthetic_control import fit
from tests.mmm_core.readout.panels import outcomes, treat

MEASURED = 15


def treated_and_donors(effect=0.0, seed=0):
    values = treat(outcomes(seed=seed), [0], effect)
    return values[:, 0], values[:, 1:]


def test_block_means_go_around_the_end():
    assert conformal.block_means(np.array([1.0, 2, 3, 4]), 2) == pytest.approx([1.5, 2.5, 3.5, 2.5])
    assert conformal.block_means(np.array([1.0, 2, 3]), 1) == pytest.approx([1, 2, 3])


def test_the_p_value_is_the_share_of_blocks_as_far_from_zero():
    treated, donors = treated_and_donors(20.0)
    fitted = fit(treated, donors, np.ones(75, bool))
    rest = treated - fitted.counterfactual(donors)
    means = [abs(np.mean([rest[(first + k) % 75] for k in range(MEASURED)])) for first in range(75)]
    by_hand = sum(mean >= means[60] - 1e-9 for mean in means) / 75
    assert conformal.p_value(treated, donors, MEASURED) == pytest.approx(by_hand)
    assert by_hand < 0.1


def test_an_effect_far_beyond_the_noise_has_the_smallest_p_value_there_is():
    treated, donors = treated_and_donors(500.0)
    assert conformal.p_value(treated, donors, MEASURED) == pytest.approx(1 / 75)
    assert conformal.p_value(treated, donors, MEASURED, effect=500.0) > 0.1


@pytest.mark.parametrize("augment", ["none", "ridge"])
def test_the_interval_holds_what_is_not_refused(augment):
    penalty = 500.0 if augment == "ridge" else None
    treated, donors = treated_and_donors(30.0)
    low, high = conformal.interval(treated, donors, MEASURED, 30.0, 3.0, 0.9, augment, penalty)

    def p(effect):
        return conformal.p_value(treated, donors, MEASURED, effect, augment, penalty)

    assert low < high
    assert p(low - 0.04) <= 0.1 < p(low + 0.04)
    assert p(high + 0.04) <= 0.1 < p(high - 0.04)


def test_an_interval_of_a_higher_level_is_wider():
    treated, donors = treated_and_donors(30.0)
    narrow = conformal.interval(treated, donors, MEASURED, 30.0, 3.0, 0.8)
    wide = conformal.interval(treated, donors, MEASURED, 30.0, 3.0, 0.95)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_too_few_periods_to_refuse_anything_leave_the_ends_open():
    treated, donors = treated_and_donors()
    assert conformal.interval(treated[-8:], donors[-8:, :3], 2, 0.0, 3.0, 0.9) == (-np.inf, np.inf)
