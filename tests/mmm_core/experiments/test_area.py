"""Where an experiment is run: by a rule that gives the same geos every time."""

import numpy as np
import pytest

from mmm_core.experiments.area import areas, matched

NAMES = tuple(f"g{number:02d}" for number in range(10))


def panel(seed=0, drifting=(), sizes=None):
    """Ten geos that move together, but for some that drift."""
    rng = np.random.default_rng(seed)
    common = 100 + 10 * np.sin(np.arange(80) / 6) + np.cumsum(rng.normal(0, 1, 80))
    out = np.tile(common, (10, 1)) + rng.normal(0, 1, (10, 80))
    for geo in drifting:
        out[geo] += np.linspace(-40, 40, 80) * (1 if geo % 2 else 1.2)
    return out * (np.ones(10) if sizes is None else np.asarray(sizes))[:, None]


@pytest.mark.parametrize("drifting", [2, 7])
def test_a_geo_that_drifts_is_left_out(drifting):
    assert drifting not in matched(panel(drifting=(drifting,)), NAMES, 0.3)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_share_is_met_as_nearly_as_geos_allow_and_two_are_left(share):
    outcome = panel(sizes=np.linspace(0.5, 1.5, 10))
    chosen = matched(outcome, NAMES, share)
    assert outcome[list(chosen)].sum() / outcome.sum() == pytest.approx(share, abs=0.08)
    assert len(matched(outcome, NAMES, 0.99)) == 8


def test_neither_the_order_of_geos_nor_the_unit_matters():
    outcome = panel(3)
    order = np.random.default_rng(1).permutation(10)
    names = tuple(NAMES[geo] for geo in order)
    shuffled = {names[geo] for geo in matched(1000 * outcome[order], names, 0.3)}
    assert shuffled == {NAMES[geo] for geo in matched(outcome, NAMES, 0.3)}


def test_one_geo_larger_than_the_share_waits_until_no_other_is_left():
    sizes = np.ones(10)
    sizes[4] = 12.0
    assert 4 not in matched(panel(sizes=sizes), NAMES, 0.2)


def test_areas_say_where_they_are():
    whole, some, many = areas(panel(), NAMES, (1.0, 0.2, 0.5))
    assert whole.words == "whole market"
    assert some.words == ", ".join(some.geos)
    assert many.words == "5 geos (50%)"
    (part,) = areas(panel()[:1], ("all",), (0.25,))
    assert (part.words, part.part, part.geos) == ("25% of the market", 0.25, ())


def test_two_geos_have_no_part_to_test():
    assert areas(panel()[:2], NAMES[:2], (0.5,)) == ()
