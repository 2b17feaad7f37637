"""The whole read-out: exact without noise, the same however the panel is written, and what speaks against it."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm_core.readout.experiment import design, parse_cells, parse_window
from mmm_core.readout.panel import panel_of
from mmm_core.readout.read_out import read_out
from tests.mmm_core.readout.panels import DAYS, PRE, WHOLE, outcomes, table, treat


def reading(values, treated=("g00,g01",), window=WHOLE, names=None, level=0.9, augment="none", **options):
    panel = panel_of(table(values, names=names))
    plan = design(panel, parse_cells(treated), parse_window(window), level=level, **options)
    return read_out(panel, plan, level, augment)


@pytest.fixture(scope="module")
def found():
    return reading(treat(outcomes(), [0, 1], 25.0))[0]


def without_noise(effect):
    values = outcomes(geos=10)
    values[:, 0] = values[:, 2:6] @ [0.4, 0.3, 0.2, 0.1] + 50
    values[:, 1] = values[:, 2:6] @ [0.1, 0.2, 0.3, 0.4] - 20
    return treat(values, [0, 1], effect)


def test_without_noise_the_effect_is_exact():
    found = reading(without_noise(30.0))[0]
    assert found.att == pytest.approx(30, abs=1e-6)
    assert found.incremental == pytest.approx(30 * 2 * 15, abs=1e-4)
    assert found.lift == pytest.approx(900 / (found.observed - 900), rel=1e-8)
    assert found.standard_error < 1e-3
    assert found.conformal.p_value == pytest.approx(1 / 75)
    assert found.p_value == pytest.approx(1 / (40 + 8 + 1))  # windows and donors tried: they can tell no less
    assert all(period.effect == pytest.approx(60 * period.measured, abs=1e-5) for period in found.periods)
    assert found.fit.scaled_l2_imbalance < 1e-6


def test_an_effect_that_is_not_there_is_not_found_without_noise():
    found = reading(without_noise(0.0))[0]
    assert found.incremental == pytest.approx(0, abs=1e-3)


def test_figures_fit_each_other(found):
    assert found.incremental == pytest.approx(found.observed - found.expected)
    assert found.incremental == pytest.approx(found.att * 2 * 15)
    assert found.lift == pytest.approx(found.incremental / found.expected)
    assert found.lift_low == pytest.approx(found.incremental_low / found.expected)
    assert found.incremental_high - found.incremental == pytest.approx(
        1.6449 * found.standard_error, rel=1e-4
    )
    assert found.standard_error == max(found.standard_error_in_time, found.standard_error_in_space)
    measured = [period for period in found.periods if period.measured]
    assert len(found.periods) == 75
    assert len(measured) == 15
    assert sum(period.effect for period in measured) == pytest.approx(found.incremental)
    assert sum(period.observed for period in measured) == pytest.approx(found.observed)
    assert sum(found.weights.values()) == pytest.approx(1, abs=1e-4)
    assert list(found.weights.values()) == sorted(found.weights.values(), reverse=True)
    assert found.fit.held_out_mape > found.fit.mape > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.att = 0.0


def test_the_interval_of_a_period_is_what_held_out_periods_are_missed_by(found):
    reach = {round(period.high - period.effect, 9) for period in found.periods}
    assert len(reach) == 1
    inside = [period.low <= 0 <= period.high for period in found.periods[:PRE]]
    assert np.mean(inside) > 0.9  # in sample they are missed by less


def test_the_p_value_and_the_interval_say_the_same():
    for effect in (0.0, 8.0, 25.0):
        found = reading(treat(outcomes(), [0, 1], effect))[0]
        outside = found.incremental_low > 0 or found.incremental_high < 0
        assert outside == (found.p_value < 0.1)


@given(scale=st.floats(0.01, 1000), seed=st.integers(0, 100))
@settings(max_examples=8)
def test_another_unit_changes_nothing_but_the_unit(scale, seed):
    values = treat(outcomes(seed=seed, geos=8), [0, 1], 25.0)
    one, other = reading(values)[0], reading(values * scale)[0]
    for figure in ("incremental", "incremental_low", "standard_error", "att", "expected"):
        assert getattr(other, figure) == pytest.approx(scale * getattr(one, figure), rel=1e-6)
    for figure in ("lift", "lift_high", "p_value"):
        assert getattr(other, figure) == pytest.approx(getattr(one, figure), rel=1e-5, abs=1e-12)
    assert other.conformal.p_value == one.conformal.p_value
    assert other.fit.scaled_l2_imbalance == pytest.approx(one.fit.scaled_l2_imbalance)


@given(order=st.permutations(range(8)), ridge=st.booleans())
@settings(max_examples=8)
def test_the_order_and_the_names_of_geos_do_not_matter(order, ridge):
    values = treat(outcomes(geos=8), [0, 1], 25.0)
    augment = "ridge" if ridge else "none"
    one = reading(values, augment=augment)[0]
    names = [f"n{order[geo]}" for geo in range(8)]
    other = reading(values, (f"{names[0]},{names[1]}",), names=names, augment=augment)[0]
    assert other.incremental == pytest.approx(one.incremental, rel=1e-6)
    assert other.standard_error == pytest.approx(one.standard_error, rel=1e-6)
    back = {name: f"g{geo:02d}" for geo, name in enumerate(names)}
    assert {back[name]: weight for name, weight in other.weights.items()} == pytest.approx(
        dict(one.weights), abs=1e-6
    )


def test_a_level_shift_of_a_geo_is_its_fixed_effect():
    values = treat(outcomes(), [0, 1], 25.0)
    shifted = values + np.where(np.arange(12) == 0, 500.0, 0.0) + np.where(np.arange(12) == 5, 70.0, 0.0)
    assert reading(shifted)[0].incremental == pytest.approx(reading(values)[0].incremental, rel=1e-8)


def test_cells_are_compared_with_what_no_cell_treats():
    values = treat(treat(outcomes(), [0], 30.0), [1, 2], -20.0)
    up, down = reading(values, ("up=g00", "down=g01,g02"))
    assert {"g00", "g01", "g02"}.isdisjoint({*up.weights, *down.weights})
    assert (up.cell, down.geos) == ("up", ("g01", "g02"))
    assert up.incremental_low < 30 * 15 < up.incremental_high
    assert down.incremental_low < -20 * 2 * 15 < down.incremental_high
    alone = reading(
        np.delete(values, [1, 2], axis=1), ("g00",), names=["g00", *(f"g{k:02d}" for k in range(3, 12))]
    )[0]
    assert up.incremental == pytest.approx(alone.incremental)


def test_what_is_counted_after_the_window_and_what_is_learned_from():
    values = treat(outcomes(), [0, 1], 25.0)
    whole = reading(values)[0]
    with_post = reading(values, window="2024-03-01:2024-03-05", post=10)[0]
    assert with_post.incremental == pytest.approx(whole.incremental)
    assert str(with_post.end), str(with_post.last_measured) == ("2024-03-05", "2024-03-15")
    short = reading(values, pre=35)[0]
    assert short.pre == 35
    panel = panel_of(table(values[25:], DAYS[25:]))
    cut = read_out(panel, design(panel, parse_cells(["g00,g01"]), parse_window(WHOLE)))[0]
    assert short.incremental == pytest.approx(cut.incremental)


def warned(words, values, **options):
    said = reading(values, **options)[0].warnings
    assert any(words in warning for warning in said), said


def test_a_quiet_experiment_has_no_warnings():
    assert reading(treat(outcomes(seed=5, geos=20, noise=0.7), [0, 1], 25.0))[0].warnings == ()


def test_what_speaks_against_a_read_out():
    quiet = outcomes(seed=5, geos=20, noise=0.7)
    unlike = quiet.copy()
    unlike[:, :2] = 400 + 150 * np.sin(np.arange(75) / 3)[:, None]
    warned("poor fit before the window: scaled L2 imbalance", unlike)
    warned("are predicted with an error of", unlike)
    warned("few donors: 6 geos", quiet[:, :8])
    warned("short history: 40 days before the window for 15 measured ones", quiet, pre=40)
    twin = quiet.copy()
    twin[:, :2] = quiet[:, [5]] + np.random.default_rng(0).normal(0, 1, (75, 2))
    warned("g05 alone has", twin)
    moved = quiet.copy()
    heaviest = next(iter(reading(quiet)[0].weights))
    moved[PRE:, int(heaviest[1:])] *= 1.3
    warned(f"{heaviest} moved in the window by more than chance", moved)
    warned(f"leave it out with --exclude {heaviest}", moved)
    apart = quiet.copy()
    apart[PRE:, 2:] *= np.random.default_rng(1).uniform(0.8, 1.2, 18)
    warned("geos that nobody treated moved apart", apart)


def test_two_methods_that_disagree_are_said_to():
    # Donors without weight double in the window: the regression on their total takes it for a fall of the treated.
    values = without_noise(30.0)
    values[PRE:, 6:] *= 1.5
    warned("time-based regression finds", values)


def test_a_ridge_follows_closer_before_the_window():
    values = treat(outcomes(seed=2, noise=3.0), [0, 1], 25.0)
    plain, augmented = reading(values)[0], reading(values, augment="ridge")[0]
    assert augmented.penalty > 0
    assert plain.penalty is None
    assert augmented.fit.l2_imbalance <= plain.fit.l2_imbalance + 1e-9


def test_the_documented_calls_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2021-01-31", periods=75, freq="D")
    names = ["chicago", "portland", *(f"g{geo}" for geo in range(8))]
    rows = table(treat(outcomes(geos=10), [0, 1], 25.0), days, names)
    rows.rename(columns={"Y": "sales", "location": "city"}).to_csv("sales.csv", index=False)
    code = (
        (Path(__file__).parents[3] / "docs" / "lift.md").read_text().split("```python\n")[1].split("```")[0]
    )
    namespace: dict = {}
    exec(compile(code, "docs/lift.md", "exec"), namespace)
    assert namespace["found"].incremental_low < 25 * 2 * 15 < namespace["found"].incremental_high
