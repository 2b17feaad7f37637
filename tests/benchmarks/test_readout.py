"""Intervals of a read-out hold the truth as often as they say, and nothing is found where nothing is."""

import numpy as np
import pytest

from benchmarks import readout
from benchmarks.worlds.geo_experiment import KINDS, Kind, simulated

SMALL = Kind(pre=45, measured=7, donors=10)


def test_a_panel_without_a_lift_is_the_same_but_for_it():
    quiet, nothing = simulated(SMALL, seed=3)
    panel, truth = simulated(SMALL, seed=3, lift=0.1)
    assert nothing == 0
    assert truth == pytest.approx(0.1 * quiet.outcome[45:, :2].sum())
    assert panel.outcome[:45] == pytest.approx(quiet.outcome[:45])
    assert panel.outcome[:, 2:] == pytest.approx(quiet.outcome[:, 2:])


def test_every_kind_has_enough_periods_and_donors_to_be_read():
    for kind in KINDS.values():
        panel, _ = simulated(kind, seed=1)
        assert panel.outcome.shape == (kind.pre + kind.measured, kind.donors + 2)
        assert (panel.outcome > 0).all()


@pytest.mark.slow
def test_intervals_of_90_percent_hold_the_truth_and_alarms_are_false_a_tenth_of_the_time():
    rows = [readout.row(SMALL, seed, 0.05) for seed in range(120)]
    shares = readout.summary(rows)
    # 120 panels: a right interval of 90 % is within .81 to .97 of them with a probability above .998.
    for interval in ("covered", "covered_conformal"):
        assert 0.81 <= shares[interval] <= 0.97, (interval, shares)
    for alarm in ("false_alarm", "false_alarm_conformal"):
        assert shares[alarm] <= 0.19, (alarm, shares)
    assert shares["power"] > 0.5
    assert shares["named_a_donor"] < 0.15
    # What the standard error claims is what the errors are.
    errors = np.sqrt([row["squared_error"] for row in rows])
    claimed = np.sqrt([row["squared_standard_error"] for row in rows])
    assert 0.8 < np.median(errors / claimed) / 0.6745 < 1.25
