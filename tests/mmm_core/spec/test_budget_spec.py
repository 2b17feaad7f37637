"""The budget's section of a specification: forms of bounds, and what could only be answered wrongly is refused."""

import jsonschema
import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import json_schema, parse_spec
from tests.mmm_core.spec.minimal import MINIMAL, as_json, changed

NEW = {"radio": {"spend": 100, "roi": 1.5, "bounds": {"spend": [0, 200]}}}


def test_bounds_are_relative_or_in_money():
    spec = parse_spec(changed(["budget", "bounds"], {"default": [0.5, 1.5], "tv": {"spend": [0, 50_000]}}))
    assert spec.budget.bounds_of("tv").stated == ("spend", (0, 50_000))
    assert spec.budget.bounds_of("another").stated == ("relative", (0.5, 1.5))
    explicit = parse_spec(changed(["budget", "bounds"], {"tv": {"relative": [0, 2]}}))
    assert explicit.budget.bounds_of("tv").stated == ("relative", (0, 2))
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    written = as_json(changed(["budget", "bounds"], {"tv": {"spend": [0, 50_000]}}))
    jsonschema.validate(written, json_schema())
    for wrong in ({}, {"spend": [0, 1], "relative": [0, 1]}, {"spnd": [0, 1]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(as_json(changed(["budget", "bounds"], {"tv": wrong})), json_schema())


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"by": "week", "price_rise": {"tv": 0.1}}, "price_rise: it is a price of the whole period"),
        (
            {"by": "geo", "all_or_nothing": {"tv": 10.0}},
            "all_or_nothing: it is about a channel's whole spend",
        ),
        ({"price_rise": {"tv": -2}}, "price_rise.tv: write a number from 0 to 1e.15, got -2"),
        ({"commitments": {"tv": "much"}}, "commitments.tv: write a number from 0 to .*, got 'much'"),
        ({"patterns": ["even", "pulsed"]}, "patterns: name `past` too, which plans are held against"),
        (
            {"objective": {"probability": {}}, "goal": {"mroi": 1}},
            "goal: money cannot be held against a probability",
        ),
        (
            {"change_limit": 0.2, "all_or_nothing": {"tv": 1.0}},
            "all_or_nothing: tv may have none, a change of 100 %, and change_limit allows 20%",
        ),
        ({"bounds": {"radio": {"spend": [0, 20]}}, "new_channels": NEW}, "bounds: radio is a new channel"),
        ({"locked": ["radio"], "new_channels": NEW}, "locked: radio is a new channel"),
        (
            {"groups": {"new": {"channels": ["radio"], "relative": [0, 2]}}, "new_channels": NEW},
            "groups.new: new channels cost nothing in the last period",
        ),
    ],
)
def test_a_budget_that_could_only_be_answered_wrongly_is_refused(section, says):
    with pytest.raises(SpecError, match=rf"budget.*{says}"):
        parse_spec({**MINIMAL, "budget": section})


def test_a_change_limit_and_all_or_nothing_go_together_where_neither_is_broken():
    for more in ({"change_limit": 1.0}, {"change_limit": 0.2, "locked": ["tv"]}):
        Budget(all_or_nothing={"tv": 1.0}, **more)
    Budget(all_or_nothing={"radio": 1.0}, change_limit=0.2, new_channels=NEW)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"by": "week", "weekly": {"spend": [0, 9]}}, "weekly"),
        ({"new_channels": NEW}, "new_channels"),
        ({"objective": {"probability": {"of": 500}}}, "objective"),
    ],
)
def test_amounts_of_a_budget_are_known_wherever_they_stand(section, key):
    assert key in Budget(**section).amounts
    assert (key in Budget(**section).money) == (key != "weekly")  # which holds over any horizon
    assert Budget(by="week", weekly={"relative": [0, 2]}, objective={"probability": {}}).amounts == ()
