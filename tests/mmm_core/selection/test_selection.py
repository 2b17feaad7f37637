"""Which specification: the rule on scores made by hand, the ladder, files, and a world whose truth is known."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from mmm_core.diagnostics.loo import Loo
from mmm_core.errors import InputError
from mmm_core.forecast.backtest import MODEL, Backtest
from mmm_core.selection import written
from mmm_core.selection.candidate import Candidate, unknowns
from mmm_core.selection.ladder import changed, merged, rungs
from mmm_core.selection.select import select
from mmm_core.selection.selection import Selection, density_difference, refuse_incomparable
from mmm_core.spec.model_spec import load_spec, parse_spec
from tests.mmm_core.posteriors import FAMILY, SPEC

ORIGINS = pd.date_range("2022-01-03", periods=6, freq="91D")


def scored(name, crps, size=10, elpd=None, kpi="revenue", first="2022-01-03", **changes):
    """A candidate whose forecasts score as given, a figure an origin."""
    dims = ("forecast", "origin", "ahead", "geo")
    values = np.asarray(crps, dtype=float)[None, :, None, None] * np.ones((1, 6, 13, 1))
    same = {
        name: (dims, np.ones_like(values)) for name in ("error", "covered_50", "covered_90", "covered_95")
    }
    scores = xr.Dataset(
        {
            "crps": (dims, values),
            **same,
            "actual": (dims[1:], np.full((6, 13, 1), 100.0)),
            "far_outside": (dims[1:], np.zeros((6, 13, 1), dtype=bool)),
        },
        coords={
            "forecast": [MODEL],
            "origin": (ORIGINS + (pd.Timestamp(first) - ORIGINS[0])).to_numpy(),
            "ahead": np.arange(1, 14),
            "geo": ["all"],
        },
    )
    spec = parse_spec({**SPEC, "kpi": {"column": kpi}, **changes})
    weeks = None
    if elpd is not None:
        coords = {"geo": ["all"], "week": pd.date_range("2020-01-06", periods=len(elpd), freq="7D")}
        density = xr.DataArray(np.asarray(elpd)[None], dims=("geo", "week"), coords=coords)
        weeks = xr.Dataset({"elpd": density, "khat": density * 0})
        weeks = Loo(name, "", float(np.sum(elpd)), 1.0, 3.0, 0.7, False, weeks, density)
    return Candidate(name, spec, size, Backtest("small", "", scores), weeks)


def found(*candidates):
    return Selection(refuse_incomparable(candidates), "table")


NOISE = np.array([0.3, -0.2, 0.1, -0.3, 0.2, -0.1])


def test_the_simplest_within_one_standard_error_of_the_best_is_recommended():
    # 0.1 above the best: its standard error is that of the mean of six differences with sd 0.236
    near = scored("near", 10.05 + NOISE, size=8)
    far = scored("far", 12 + NOISE, size=2)
    best = scored("best", np.full(6, 10.0), size=12)
    selection = found(far, best, near)
    assert selection.best is best
    assert selection.recommended is near
    assert (
        "near, the simplest within one standard error of the lowest CRPS and 10% of it, that of best"
        in selection.words[0]
    )
    table = selection.table.set_index("model")
    assert table["verdict"].to_dict() == {"best": "best", "near": "may be chance", "far": "worse"}
    assert table.loc["near", "difference"] == pytest.approx(0.005)
    assert table.loc["near", "difference_se"] == pytest.approx(np.std(NOISE, ddof=1) / np.sqrt(6) / 10)
    assert list(table.index) == ["best", "near", "far"]


def test_without_a_simpler_one_nearby_the_best_is_recommended():
    selection = found(scored("best", np.full(6, 10.0), size=12), scored("plain", 12 + NOISE, size=2))
    assert selection.recommended.name == "best"
    assert "nothing simpler comes within one standard error and 10% of it" in selection.words[0]


def test_a_forecast_a_fifth_worse_is_not_taken_for_its_wide_error():
    """Few origins may leave a standard error of 80 %: that says nothing for the simpler one."""
    poor = scored("poor", 12 + 25 * NOISE, size=2)
    selection = found(scored("best", np.full(6, 10.0), size=12), poor)
    difference = selection.differences["poor"]
    assert difference.relative == pytest.approx(0.2)
    assert difference.mean < difference.se  # within one standard error all the same
    assert selection.recommended.name == "best"


def test_two_equal_specifications_are_called_chance():
    selection = found(scored("a", 10 + NOISE), scored("b", 10 + NOISE))
    assert selection.recommended.name == "a"
    assert "the weeks do not tell the best from b: the difference may be chance" in selection.words
    assert selection.differences["b"].words == "the same"


def test_leave_one_out_is_compared_in_the_weeks_that_both_have_and_said_where_it_disagrees():
    rng = np.random.default_rng(1)
    base = rng.normal(size=80)
    first = scored("first", np.full(6, 10.0), elpd=np.r_[np.nan, np.nan, base[2:]])
    second = scored("second", 12 + NOISE, elpd=base + 0.5 + rng.normal(scale=0.1, size=80))
    gap, error, unreliable = density_difference(second, first)
    both = second.loo.weeks["elpd"].to_numpy()[0, 2:] - base[2:]
    assert (gap, error, unreliable) == (pytest.approx(both.sum()), pytest.approx(np.sqrt(78 * both.var())), 0)
    assert any("leave-one-out prefers second (by 3" in line for line in found(first, second).words)
    assert not any("leave-one-out prefers" in line for line in found(second, first).words[:1])


def test_what_cannot_be_fitted_or_compared_is_listed_with_its_reason():
    good = scored("good", np.full(6, 10.0))
    other_kpi = scored("other kpi", np.full(6, 1.0), kpi="orders")
    later = scored("later", np.full(6, 1.0), first="2022-02-07")
    broken = Candidate("broken", None, reason="the model specification was refused")
    selection = found(good, other_kpi, later, broken)
    assert selection.recommended is good
    reasons = selection.table.set_index("model")["reason"]
    assert "models orders, and good revenue" in reasons["other kpi"]
    assert "forecasts other weeks or geos than good (from 2023-05-08 on, not 2023-04-03)" in reasons["later"]
    assert reasons["broken"] == "the model specification was refused"
    with pytest.raises(InputError, match="no specification could be fitted\n  broken: the model"):
        found(broken).refuse_empty()


def test_no_figure_of_an_effect_is_in_what_decides():
    assert not {"roi", "mroi", "contribution"} & set(found(scored("a", np.ones(6))).table.columns)


def test_unknowns_grow_with_what_has_to_be_learned():
    def size(**changes):
        spec = parse_spec({**SPEC, **changes})
        return unknowns(spec, 6)

    assert size(likelihood="student_t") == size() + 1
    assert size(baseline={"level": "constant"}) == size() - 1
    assert size(baseline={"slope": "random_walk"}) == size() + 1


@pytest.mark.parametrize("mapping", [SPEC, FAMILY], ids=["small", "family"])
def test_every_variation_of_the_ladder_is_a_valid_specification_that_differs(mapping):
    spec = parse_spec(mapping)
    seen = {spec.spec_hash}
    for rung in rungs(spec, weeks=156, country="US"):
        for keys in rung.variations.values():
            varied = changed(spec, keys)
            assert varied.spec_hash not in seen
            assert (varied.media, varied.controls) == (spec.media, spec.controls)
            seen.add(varied.spec_hash)
    assert len(seen) > 9


def rung_of(mapping, name, weeks=156):
    (rung,) = (rung for rung in rungs(parse_spec(mapping), weeks) if rung.name == name)
    return rung.variations


def with_shrinkage(baseline=None, **shrinkage):
    return {**SPEC, "baseline": {**(baseline or {}), "shrinkage": shrinkage}}


def test_the_ladder_tries_no_wide_season_that_the_weeks_cannot_tell():
    wide = with_shrinkage(seasonality=10)
    assert list(rung_of(wide, "season", 156)) == [
        "no season",
        "season order 1",
        "season order 4",
        "season order 8",
    ]
    assert list(rung_of(wide, "season", 52)) == ["no season", "season order 1"]
    # what is learned shrinks where the weeks cannot tell it
    assert list(rung_of(SPEC, "season", 52)) == ["no season", "season order 8", "season order 13"]


def test_the_shrinkage_rung_turns_over_one_scale_at_a_time_of_what_the_model_has():
    assert {name: keys["baseline"]["shrinkage"] for name, keys in rung_of(SPEC, "shrinkage").items()} == {
        "season scale stated, 10 noise sds": {"seasonality": 10},
        "controls scale stated, 10 noise sds": {"controls": 10},
    }
    holidays = with_shrinkage({"holidays": {"country": "US"}}, seasonality=3, controls=10)
    assert {name: keys["baseline"]["shrinkage"] for name, keys in rung_of(holidays, "shrinkage").items()} == {
        "season scale learned": {"seasonality": "learned"},
        "controls scale learned": {"controls": "learned"},
        "holidays scale learned": {"holidays": "learned"},
    }
    bare = {**with_shrinkage({"seasonality": {"order": 0}}), "controls": []}
    assert rung_of(bare, "shrinkage") == {}


def test_every_variation_of_the_shrinkage_rung_is_another_prior():
    """A variation that came out as what it varies would only be ranked beside itself."""
    from mmm_core.data.arrays import model_data
    from tests.mmm_core.posteriors import weekly_table

    mapping = with_shrinkage({"holidays": {"country": "US"}})
    spec, table = parse_spec(mapping), weekly_table()

    def sds(varied):
        return tuple(model_data(table, varied)["design_prior_sd"].to_numpy().round(6))

    variations = [changed(spec, keys) for keys in rung_of(mapping, "shrinkage").values()]
    assert len({sds(spec), *map(sds, variations)}) == len(variations) + 1 == 4


def test_keys_replace_only_what_they_name():
    mapping = {"kpi": {"column": "x"}, "baseline": {"level": "linear", "seasonality": {"order": 2}}}
    keys = {"kpi": {"scale": "log"}, "baseline": {"seasonality": {"order": 4}}, "likelihood": "student_t"}
    assert merged(mapping, keys) == {
        "kpi": {"column": "x", "scale": "log"},
        "baseline": {"level": "linear", "seasonality": {"order": 4}},
        "likelihood": "student_t",
    }


def test_the_winners_yaml_says_how_it_was_chosen_and_is_read_back(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text("# my words\n" + yaml.safe_dump(SPEC, sort_keys=False))
    selection = found(scored("a", np.full(6, 10.0), size=12), scored("b", 12 + NOISE))
    text = written.chosen_yaml(selection, file, {})
    assert text.startswith("# Chosen by `mmm select`: a, the simplest within one standard error")
    assert text.endswith(file.read_text())
    assert "#   b: 12, 20% higher (standard error 1%" in text
    varied = tmp_path / "varied.yaml"
    varied.write_text(written.chosen_yaml(selection, file, {"kpi": {"scale": "log"}}))
    assert "# Table table; 6 origins (2022-01-03, " in varied.read_text()
    assert load_spec(varied) == parse_spec({**SPEC, "kpi": {"column": "revenue", "scale": "log"}})
    assert json.loads(written.as_json(selection))["recommended"] == "a"


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(InputError, match="no specification to choose from"):
        select(pd.DataFrame(), {})


def world(weeks=156, seed=3):
    """A shop whose sales multiply about a strong season."""
    rng = np.random.default_rng(seed)
    k = np.arange(weeks)
    tv, search = rng.gamma(2, 300, weeks) * (rng.random(weeks) < 0.6), rng.gamma(4, 200, weeks)
    season = 0.7 * np.sin(2 * np.pi * k / 52.18) + 0.35 * np.cos(4 * np.pi * k / 52.18)
    level = np.cumsum(rng.normal(0, 0.01, weeks))
    kpi = np.exp(9 + level + season + 1e-4 * tv + 1e-4 * search + rng.normal(0, 0.05, weeks))
    dates = pd.date_range("2021-01-04", periods=weeks, freq="7D")
    return pd.DataFrame({"week_start": dates, "revenue": kpi, "tv_spend": tv, "search_spend": search})


SHOP = {
    "model": "shop",
    "table": "weekly",
    "kpi": {"column": "revenue", "scale": "log"},
    "media": {
        "defaults": {"adstock": {"l_max": 2}},
        "channels": {"tv": {"spend": "tv_spend"}, "search": {"spend": "search_spend"}},
    },
    "fit": {"chains": 2, "warmup": 150, "draws": 150},
}


@pytest.mark.slow
def test_the_true_scale_and_season_win_and_what_cannot_be_fitted_stops_nothing():
    specs = {
        "levels": parse_spec({**SHOP, "kpi": {"column": "revenue"}}),
        "true": parse_spec(SHOP),
        "no season": parse_spec({**SHOP, "baseline": {"seasonality": {"order": 0}}}),
        "no such column": parse_spec({**SHOP, "kpi": {"column": "sales"}}),
    }
    phases = []
    selection = select(
        world(), specs, origins=3, horizon=8, draws=150, progress=lambda now: phases.append(now.phase)
    )
    assert selection.recommended.name == "true"
    table = selection.table.set_index("model")
    assert table.index[-1] == "no such column"
    assert "'sales' (kpi.column)" in table.loc["no such column", "reason"]
    assert table.loc["no season", "crps"] > 2 * table.loc["true", "crps"]
    assert table.loc["levels", "elpd_difference"] < -2 * table.loc["levels", "elpd_difference_se"]
    assert any(phase.startswith("specification 2 of about 4 (true), origin 3 of 3") for phase in phases)
