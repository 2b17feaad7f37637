"""Names that every store takes, and those that are refused with the YAML."""

import datetime

import pytest

from mmm_core.errors import SpecError
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.spec.test_yaml_file import MINIMAL

BAD = [
    "a/b",
    "a\\b",
    "a\nb",
    "a\tb",
    "a\x00b",
    "a\x1b[31m",
    " tv",
    "tv ",
    "",
    " ",
    "x" * 101,
    "tv\u202eoidar",
    "a\u2066b",
]


def spec_with(where, name):
    return {
        "channel": {**MINIMAL, "media": {"channels": {name: {"spend": "s"}}}},
        "organic": {**MINIMAL, "media": {**MINIMAL["media"], "organic": {name: {"exposure": "s"}}}},
        "control": {**MINIMAL, "controls": [name]},
        "treatment": {**MINIMAL, "treatments": {name: {"column": "p"}}},
        "event": {**MINIMAL, "baseline": {"events": {name: ["2024-05-01"]}}},
        "step": {**MINIMAL, "baseline": {"steps": {name: "2024-05-01"}}},
    }[where]


@pytest.mark.parametrize("where", ["channel", "organic", "control", "treatment", "event", "step"])
def test_a_name_that_some_store_cannot_hold_is_refused(where):
    for name in BAD:
        with pytest.raises(SpecError) as refusal:
            parse_spec(spec_with(where, name), "m.yaml")
        said = str(refusal.value)
        assert said.startswith("m.yaml: ")
        assert ": write " in said
        assert len(said.splitlines()) == 2
        assert "[key]" not in said
    for name in ("search (brand)", "K\u00f6ln TV", "a:b", "[bold]", "50 %", "o'neill", "$x$", "\u65b0\u805e"):
        parse_spec(spec_with(where, name), "m.yaml")


def test_two_names_that_differ_in_capitals_or_blanks_alone_are_refused():
    media = {"channels": {"meta": {"spend": "a"}}, "organic": {"META": {"exposure": "b"}}}
    with pytest.raises(SpecError, match="'meta' and 'META' differ in capitals or blanks alone: rename one"):
        parse_spec({**MINIMAL, "media": media})
    for names in (["price", "Price"], ["shelf price", "Shelf  Price"], ["shelf price", "shelfprice"]):
        with pytest.raises(
            SpecError, match=f"'{names[0]}' and '{names[1]}' differ in capitals or blanks alone"
        ):
            parse_spec({**MINIMAL, "controls": names})


def test_names_are_composed_alike_and_columns_stripped():
    spec = parse_spec(
        {
            **MINIMAL,
            "media": {"channels": {"ko\u0308ln": {"spend": " tv\u00a0spend "}}},
            "controls": ["a\u0308"],
        }
    )
    assert spec.paid == ("k\u00f6ln",)
    assert spec.media.channels["k\u00f6ln"].spend == "tv spend"
    assert spec.controls == ("\u00e4",)
    with pytest.raises(SpecError, match=r"kpi\.column: the name of a column is blank"):
        parse_spec({**MINIMAL, "kpi": {"column": " "}})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"review": {"coverage": [0.9, 0.98]}},
            "review: coverage is held against what chance does to so many weeks.* or write `significance: 0.01`",
        ),
        ({"review": {"significance": 0.5}}, "review.significance: write a number"),
        ({"review": {"roi": [3, 3]}}, "review.roi: write the lower end first"),
        ({"review": {"mape": float("nan")}}, "review.mape: write a number above 0, got nan"),
        ({"budget": {"total": float("inf")}}, "budget.total: write a number"),
        ({"fit": {"target_accept": float("nan")}}, "fit.target_accept: write a number"),
        ({"baseline": {"level_sd": {"halfnormal": [float("nan")]}}}, "level_sd"),
        ({"baseline": {"level_sd": float("inf")}}, "level_sd"),
        ({"time": {"from": datetime.date(20, 1, 1)}}, "time.from: write a day of the years 1900 to 2200"),
        ({"baseline": {"events": {"e": [datetime.date(9999, 1, 1)]}}}, "write a day of the years"),
        ({"model": "m" * 101}, "model: "),
        ({"media": {"defaults": ["a"], "channels": {"tv": {"spend": "s"}}}}, "media.defaults: "),
    ],
)
def test_figures_and_days_that_mean_nothing_are_refused(changes, says):
    with pytest.raises(SpecError, match=says):
        parse_spec({**MINIMAL, **changes}, "m.yaml")
