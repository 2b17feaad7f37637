"""`scenarios:` and `margin:` of a model's YAML: how changes are written, and what is refused."""

import datetime

import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.scenarios_file import load_scenarios, parse_scenarios
from mmm_core.spec.scenarios_spec import Change, Part, parts_of
from tests.mmm_core.posteriors import SPEC

# The common case, as it is written.
SHORT = """
plans:
  bolder:
    spend: {search: +20%, tv: -30%}
    controls: {price: {3-5: off}}
"""


def test_the_common_case_is_three_lines():
    (plan,) = parse_scenarios(yaml.safe_load(SHORT), "s.yaml").plans.values()
    assert parts_of(plan.spend["search"]) == (Part(Change("share", 0.2)),)
    assert parts_of(plan.controls["price"]) == (Part(Change("amount", 0.0), (3, 5)),)


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("+ 7.5 %", [Part(Change("share", 0.075))]),
        (250_000, [Part(Change("amount", 250_000))]),
        ("off", [Part(Change("amount", 0))]),
        ("last", [Part(Change("last"))]),
        (
            {3: 1, "5-6": "-10%", "rest": "off"},
            [
                Part(Change("amount", 1), (3, 3)),
                Part(Change("share", -0.1), (5, 6)),
                Part(Change("amount", 0), "rest"),
            ],
        ),
        (
            {"2026-11-23 to 2026-12-06": "+5%"},
            [Part(Change("share", 0.05), (datetime.date(2026, 11, 23), datetime.date(2026, 12, 6)))],
        ),
        (
            {"geos": {"north": {"1": "off"}, "south": 9}},
            [Part(Change("amount", 0), (1, 1), "north"), Part(Change("amount", 9), None, "south")],
        ),
    ],
)
def test_changes_are_written_as_people_say_them(entry, parts):
    assert parts_of(entry) == tuple(parts)


def test_nothing_of_it_is_read_by_a_fit_and_all_of_it_survives_being_written():
    plain = parse_spec(SPEC)
    both = parse_spec(
        {**SPEC, "margin": 0.4, "scenarios": {"sweep": {}, "plans": yaml.safe_load(SHORT)["plans"]}}
    )
    assert plain.spec_hash == both.spec_hash
    assert parse_spec(yaml.safe_load(both.to_yaml())) == both


def test_a_file_holds_the_section_with_or_without_its_key(tmp_path):
    with_key, without = tmp_path / "a.yaml", tmp_path / "b.yaml"
    without.write_text(SHORT)
    with_key.write_text("scenarios:\n" + SHORT.replace("\n", "\n  "))
    assert load_scenarios(with_key) == load_scenarios(without)
    with pytest.raises(SpecError, match=r"c.yaml: no such file"):
        load_scenarios(tmp_path / "c.yaml")
    without.write_text("plans:\n  one: {spend: +1%}\n  one: {spend: +2%}\n")
    with pytest.raises(SpecError, match=r"b.yaml: key 'one' is written twice, on lines 2 and 3: keep one"):
        load_scenarios(without)


def plan(**keys):
    return {"plans": {"x": keys}}


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (plan(spend={"tv": "20%"}), r"plans.x.spend.tv: '20%': write \+20% for 20 % more, -30% for 30 % less"),
        (plan(spend={"tv": -30}), "-30 is negative: the least is 0; write -30% for 30 % less"),
        (plan(spend={"tv": -5000}), "-5,000 is negative: the least is 0$"),
        (plan(spend={"tv": 1e300}), r"1e\+300 is no amount to plan with: the nearest feasible figure is 1e\+15"),
        (plan(spend={"tv": "+99999999%"}), r"the most is \+1000000%"),
        (plan(spend={"tv": "-130%"}), "takes away more than there is: -100% or `off` is the most"),
        (plan(spend={"tv": True}), "on: write how much"),
        (plan(spend={"tv": "last"}), "`last` is for controls"),
        (plan(spend={"tv": {"5-3": 1}}), "weeks 5-3: they are counted from 1, the first before the last"),
        (plan(spend={"tv": {"0": 1}}), "weeks 0: they are counted from 1"),
        (plan(spend={"tv": {"2026-02-30": 1}}), "weeks 2026-02-30: no such day"),
        (plan(spend={"tv": {3: 1, "2-4": 2}}), "week 3 is named twice"),
        (plan(spend={"tv": {"london": 1}}), "'london': weeks are written 3, 3-5.* under `geos`"),
        (plan(spend={"tv": {}}), "nothing is said"),
        (plan(controls={"p": "lots"}), r"'lots' is no change: write \+20%, -30%, an amount, or off"),
        (plan(treatments={"p": 1}), "treatments: write them under `controls`"),
        (plan(spends={"tv": 1}), "unknown key 'spends': did you mean 'spend'"),
        (plan(plan="../agency.csv"), "write the file's name as it stands in its folder, without '..'"),
        (plan(like="last_month"), "like: input should be 'last_period' or 'last_year'"),
        ({"plans": {"current": {}}}, "'current' is there without being written"),
        ({"plans": {"one": {}, "One": {}}}, "'one' and 'One' differ in capitals or blanks alone"),
        ({"against": "mine"}, "against: no plan is called 'mine'; there are current, recommended"),
        ({"weeks": 105}, "weeks: write a whole number from 1 to 104, got 105"),
        ({"sweep": {"totals": [1, 1]}}, "a multiple is there twice"),
        ({"sweep": {"totals": [1, -1]}}, "sweep.totals.1: write a number above 0"),
        ([1], "expected a mapping such as plans:"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused_with_what_to_write(mapping, says):
    with pytest.raises(SpecError, match=says):
        parse_scenarios(mapping, "s.yaml")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"scenarios": plan(spend={"tvv": 1})}, "plans.x: spend names 'tvv', no paid channel: did you mean 'tv'"),
        ({"scenarios": plan(spend={"price": 1})}, "spend names 'price', no paid channel: write it under `controls`"),
        ({"margin": -0.2}, "margin: write a number above 0, got -0.2"),
        ({"margin": 40}, "margin: 40 of revenue is more than all of it: write 0.4"),
    ],
)  # fmt: skip
def test_a_models_scenarios_are_held_against_the_model(keys, says):
    with pytest.raises(SpecError, match=says):
        parse_spec({**SPEC, **keys})
