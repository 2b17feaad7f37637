"""The `long_term:` section: what it may say, and that no fit of the short-term model reads it."""

import jsonschema
import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec.long_term_spec import Belief, LongTermRule
from mmm_core.spec.model_spec import json_schema, parse_spec
from tests.mmm_core.spec.minimal import MINIMAL, changed

STATED = {
    "metrics": ["awareness", "consideration"],
    "lags": [1, 2],
    "centre": {"base": 0.9},
    "tightness": {"lags": 0.2, "media": {"mode": 0.1, "sd": 0.2}, "dummies": []},
}


def test_the_short_form_is_read_and_none_is_no_stage():
    rule = parse_spec(changed(["long_term"], {"metrics": ["awareness"], "lags": 2, "horizon": 52})).long_term
    assert (rule.metrics, rule.lags, rule.horizon, rule.variables) == (
        ("awareness",),
        (2,),
        52,
        ("awareness", "base"),
    )
    assert parse_spec(MINIMAL).long_term.metrics == ()


def test_a_tightness_is_a_number_or_a_gamma_density_and_a_centre_a_number_or_by_name():
    rule = LongTermRule.model_validate(STATED)
    assert rule.tightness.lags == Belief(mode=0.2)
    assert rule.tightness.media == Belief(mode=0.1, sd=0.2)
    assert rule.centre == {"default": 1.0, "base": 0.9}
    assert LongTermRule(metrics=("awareness",), centre=0.8).centre == {"default": 0.8}


def test_it_is_written_and_read_back_and_the_schema_takes_it():
    mapping = changed(["long_term"], STATED)
    spec = parse_spec(mapping)
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    jsonschema.validate(mapping, json_schema())
    jsonschema.validate(yaml.safe_load(spec.to_yaml()), json_schema())


def test_it_refits_no_short_term_model_and_has_a_hash_of_its_own():
    plain, stated = parse_spec(MINIMAL), parse_spec(changed(["long_term"], STATED))
    assert plain.spec_hash == stated.spec_hash
    assert plain.long_term.rule_hash != stated.long_term.rule_hash
    written_out = {**STATED, "horizon": 52, "seed": 7}
    assert LongTermRule.model_validate(written_out).rule_hash == stated.long_term.rule_hash


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"lags": 0}, "long_term.lags: write a whole number from 1 to 26, or a list of such, got [0]"),
        ({"lags": []}, "long_term.lags: write a whole number"),
        ({"horizon": 0}, "long_term.horizon: write a whole number from 1 to 520, got 0"),
        ({"tightness": {"lags": "tight"}}, "write a number, or {mode: 0.2, sd: 0.4}"),
        ({"tightness": {"lags": -1}}, "long_term.tightness.lags.mode: write a number above 0"),
        ({"tightness": {"lag": 1}}, "did you mean 'lags'?"),
        ({"tightness": {"dummies": ["sums"]}}, "known: initial_observation, sum_of_coefficients"),
        ({"centre": {"bas": 0.9}}, "centre names 'bas', no variable: did you mean 'base'?"),
        ({"centre": 3}, "default: write a number from -1 to 1"),
        ({"metrics": ["base"]}, "'base' means something else"),
        ({"metrics": ["tv"]}, "'tv' is a paid channel as well"),
        ({"metrics": ["awareness", "awareness"]}, "name each once"),
        ({"channels": ["tvv"]}, "long_term.channels names 'tvv', no paid channel: did you mean 'tv'?"),
        ({"horizons": [24, 24]}, "name each once"),
        (
            {"enters": {"tvv": ["awareness"]}},
            "long_term.enters names 'tvv', which is not there: did you mean 'tv'?",
        ),
        (
            {"enters": {"tv": ["base"]}, "signs": {"tv": {"awareness": "positive"}}},
            "signs.tv gives the sign of an effect on 'awareness' that enters.tv leaves out",
        ),
        ({"enters": {"tv": ["fame"]}}, "enters.tv names 'fame', no variable: known: awareness, base"),
        (
            {"signs": {"awareness": {"base": "positive"}}},
            "long_term.signs names 'awareness', which is not there",
        ),
        ({"signs": {"tv": {"base": "up"}}}, "long_term.signs.tv.base"),
        ({"discount": 5}, "long_term.discount: write a number from 0 to 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(section, says):
    with pytest.raises(SpecError) as error:
        parse_spec(changed(["long_term"], {"metrics": ["awareness"], **section}))
    assert says in str(error.value)
