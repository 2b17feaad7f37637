"""Counterfactuals against the whole model replayed with plain loops: carry-in, carry-out, geos, paths."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.plan import RECENT_WEEKS
from mmm_core.effects.incremental import incremental, incremental_table
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.posterior.schema import spec_of
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import FAMILY, posterior, weekly_table
from tests.mmm_core.scenarios.earlier import cut, going_on
from tests.mmm_core.whole_family import SPECS, case

pytestmark = pytest.mark.usefixtures("hurried_compiler")

START, END = "2024-07-01", "2024-07-29"


def window(tree, start=START, end=END):
    weeks = pd.DatetimeIndex(tree["constant_data"]["media_week"].to_numpy())
    return np.asarray((weeks >= start) & (weeks <= end))


def outcome(tree, position, exposure, frequency=None, counted=None):
    """Expected outcome of a draw under a path of media, over all modelled weeks or those counted."""
    draw = brute_force.one_draw(tree, position)
    terms = brute_force.media_terms(tree, draw, exposure, frequency).sum(-1) + brute_force.baseline(
        tree, draw
    )
    value = brute_force.expected(tree, draw, terms) * tree["constant_data"]["revenue_per_kpi"].to_numpy()
    return value.sum() if counted is None else value[counted].sum()


@pytest.mark.parametrize("name", SPECS)
def test_switching_media_off_for_some_weeks_by_brute_force(name):
    tree = case(name)
    exposure = tree["constant_data"]["exposure"].to_numpy()
    found = incremental(tree, START, END)
    assert found["channel"].values.tolist() == list(spec_of(tree).channels)
    off = exposure.copy()
    off[:, window(tree)] = 0.0
    for position in (0, 3):
        whole = outcome(tree, position, exposure)
        assert float(found["joint"][position]) == pytest.approx(
            whole - outcome(tree, position, off), rel=1e-7
        )
        for i in range(len(found["channel"])):
            alone = exposure.copy()
            alone[:, window(tree), i] = 0.0
            wanted = whole - outcome(tree, position, alone)
            assert float(found["alone"][position, i]) == pytest.approx(wanted, rel=1e-7, abs=1e-6)


def test_alone_adds_up_to_joint_in_levels_and_to_more_where_effects_multiply():
    for name in SPECS:
        found = incremental(case(name), START, END)
        total = found["alone"].sum("channel")
        if "log" in name:
            assert (total != found["joint"]).all()
        else:
            np.testing.assert_allclose(total, found["joint"])


def test_carry_out_counts_the_weeks_after_and_carry_in_stays_on_both_sides():
    tree = case("family")
    exposure = tree["constant_data"]["exposure"].to_numpy()
    off = exposure.copy()
    off[:, window(tree)] = 0.0
    within = window(tree)[4:][None, :]
    inside = incremental(tree, START, END, carry_out=False)["joint"]
    everything = incremental(tree, START, END)["joint"]
    for position in range(3):
        wanted = outcome(tree, position, exposure, counted=within) - outcome(
            tree, position, off, counted=within
        )
        assert float(inside[position]) == pytest.approx(wanted, rel=1e-7)
    assert (everything > inside).all()


@pytest.mark.parametrize("name", ["plain", "family_log", "panel"])
def test_what_is_carried_out_after_the_data_counts_where_asked(name):
    tree = case(name)
    data, last = (
        tree["constant_data"].to_dataset(),
        str(tree["constant_data"]["media_week"].to_numpy()[-1])[:10],
    )
    found = incremental(tree, last, last, beyond=True)["joint"]
    exposure, modelled = data["exposure"].to_numpy(), data.sizes["week"]
    worth = data["revenue_per_kpi"].to_numpy()
    after = worth[:, -RECENT_WEEKS:].mean(1, keepdims=True)
    for position in (1, 5):
        draw = brute_force.one_draw(tree, position)
        base = brute_force.expected(tree, draw, brute_force.baseline(tree, draw))
        later = base[:, -RECENT_WEEKS:].mean(1, keepdims=True)

        def value(path, draw, base, later):
            path = np.concatenate([path, np.zeros((len(path), 4, path.shape[-1]))], axis=1)
            frequency = None
            if "frequency" in data:
                frequency = np.pad(data["frequency"].to_numpy(), ((0, 0), (0, 4), (0, 0)), mode="edge")
            multiplier = None
            if "multiplier" in draw:
                multiplier = np.pad(draw["multiplier"].to_numpy(), ((0, 4), (0, 0)), mode="edge")
            terms = brute_force.media_terms(tree, draw, path, frequency, multiplier).sum(-1)
            known, beyond = terms[:, :modelled], terms[:, modelled:]
            if name.endswith("log"):
                return (worth * base * np.exp(known)).sum() + (after * later * np.exp(beyond)).sum()
            return (worth * (base + known)).sum() + (after * (later + beyond)).sum()

        off = exposure.copy()
        off[:, -1] = 0.0
        wanted = value(exposure, draw, base, later) - value(off, draw, base, later)
        assert float(found[position]) == pytest.approx(wanted, rel=1e-7)
    assert (found > incremental(tree, last, last)["joint"]).all()


def test_media_that_come_again_after_the_data_are_as_if_they_were_in_it():
    media = [
        "tv_spend",
        "search_spend",
        "search_clicks",
        "video_spend",
        "video_reach",
        "video_frequency",
        "sends",
    ]
    longer = posterior(FAMILY, going_on(weekly_table(68), 4, 3, columns=media), draws=5, multiplier=1.0)
    now = cut(longer, 4)
    start, end = now.data["media_week"].to_numpy()[[-3, -1]]
    found = incremental(now, start, end, 0.4, beyond=True, again=3)
    np.testing.assert_allclose(found["alone"], incremental(longer, start, end, 0.4)["alone"], rtol=1e-9)
    often = now.data["frequency"].sel(channel=["video"]).isel(media_week=slice(-2, None)) * 1.5
    more = incremental(now, start, end, frequency=often, beyond=True, again=3)["joint"]
    np.testing.assert_allclose(more, incremental(longer, start, end, frequency=often)["joint"], rtol=1e-9)


def test_over_the_whole_window_with_its_history_it_is_the_contribution():
    for name in ("family", "panel_log_apart"):
        np.testing.assert_allclose(
            incremental(case(name))["alone"], roi_draws(case(name))["contribution"], rtol=1e-9
        )


def test_some_geos_some_channels_and_more_media():
    tree = case("panel_log_apart")
    found = incremental(tree, START, END, {"tv": 1.5, "video": 0.0}, geos=["b", "c"])
    assert found["channel"].values.tolist() == ["tv", "video"]
    exposure = tree["constant_data"]["exposure"].to_numpy()
    path = exposure.copy()
    at = np.ix_([1, 2], np.flatnonzero(window(tree)))
    path[..., 0][at] *= 1.5
    path[..., 2][at] = 0.0
    for position in (0, 4):
        wanted = outcome(tree, position, exposure) - outcome(tree, position, path)
        assert float(found["joint"][position]) == pytest.approx(wanted, rel=1e-7)
    assert (found["alone"].sel(channel="tv") < 0).all()


def test_a_lift_test_replays_the_media_that_would_have_been():
    tree = case("family")
    data = tree["constant_data"].to_dataset()
    path = data["exposure"].sel(channel=["video"], media_week=slice(START, END)) * 0 + 321.0
    often = data["frequency"].sel(channel=["video"], media_week=slice(START, END)) * 0 + 2.5
    found = incremental(tree, START, END, exposure=path, frequency=often)
    assert found["channel"].values.tolist() == ["video"]
    exposure, frequency = data["exposure"].to_numpy().copy(), data["frequency"].to_numpy().copy()
    exposure[:, window(tree), 2], frequency[:, window(tree), 2] = 321.0, 2.5
    for position in (0, 2):
        wanted = outcome(tree, position, data["exposure"].to_numpy()) - outcome(
            tree, position, exposure, frequency
        )
        assert float(found["joint"][position]) == pytest.approx(wanted, rel=1e-7)
    # outside of the window a path is not looked at
    wide = data["exposure"].sel(channel=["video"]) * 0 + 321.0
    again = incremental(tree, START, END, exposure=wide, frequency=often)
    np.testing.assert_allclose(again["joint"], found["joint"])


def test_units_of_the_kpi_or_revenue():
    tree = case("panel")
    revenue, orders = incremental(tree, START, END), incremental(tree, START, END, revenue=False)
    assert (revenue.attrs["unit"], orders.attrs["unit"]) == ("revenue", "orders")
    assert 29 < float((revenue["joint"] / orders["joint"]).mean()) < 31
    assert incremental(case("other_kinds"), START, END).attrs["unit"] == "orders"


def test_chunks_and_chosen_draws_change_nothing(monkeypatch):
    tree = case("panel")
    whole = incremental(tree, START, END)
    monkeypatch.setattr("mmm_core.posterior.predictor.CHUNK", 64 * 3 * 4 * 2)
    np.testing.assert_allclose(incremental(tree, START, END)["joint"], whole["joint"])
    some = incremental(tree, START, END, draws=np.array([1, 4]))
    np.testing.assert_allclose(some["joint"], whole["joint"][[1, 4]])


def test_a_table_of_it():
    table = incremental_table(case("plain"), START, END, {"tv": 0.0, "search": 0.5})
    assert table["channel"].tolist() == ["tv", "search", "joint"]
    assert table["mean"].iloc[:2].sum() == pytest.approx(table["mean"].iloc[2])


def test_questions_without_an_answer_are_refused():
    tree = case("plain")
    refused = [
        ((START, "2024-01-29"), {}, "end 2024-01-29 is before start 2024-07-01"),
        (("2024-07-03",), {}, "2024-07-03 is no date of the table.s weeks, which go from 2024-01-01"),
        ((START, END, {"radio": 0.0}), {}, "unknown channel 'radio'"),
        ((START, END, -1.0), {}, "0 or more, got -1"),
        ((START, END, 1.0), {}, "nothing changes between 2024-07-01 and 2024-07-29"),
        ((START, END), {"geos": ["north"]}, "unknown geo 'north'"),
        ((START, END), {"beyond": True, "carry_out": False}, "needs `carry_out`"),
        ((START, END, 0.5), {"exposure": tree["constant_data"]["exposure"]}, "either a multiplier or a path"),
        ((START, END), {"exposure": -tree["constant_data"]["exposure"]}, "negative media"),
        ((START, END), {"exposure": tree["constant_data"]["exposure"].isel(geo=0, drop=True)}, "geo is not"),
        (
            (START, END),
            {"frequency": tree["constant_data"]["exposure"]},
            "no channel of small has a frequency",
        ),
    ]
    for arguments, options, message in refused:
        with pytest.raises(InputError, match=message):
            incremental(tree, *arguments, **options)


def test_a_week_without_media_changes_nothing_for_that_channel():
    table = weekly_table()
    table.loc[26:30, "tv_spend"] = 0.0
    tree = posterior(table=table, draws=2)
    assert incremental(tree, START, END)["channel"].values.tolist() == ["search", "newsletter"]
