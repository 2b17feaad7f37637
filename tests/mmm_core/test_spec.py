"""The model specification: what is read, what is filled in, what is refused and how it is said."""

import copy
from pathlib import Path

import pytest
import yaml

from mmm_core.errors import SpecError
from mmm_core.spec import json_schema, load_spec, parse_spec

MINIMAL = {
    "model": "small",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend"}}},
}


def changed(path, value):
    spec = copy.deepcopy(MINIMAL)
    here = spec
    for key in path[:-1]:
        here = here.setdefault(key, {})
    here[path[-1]] = value
    return spec


def test_five_lines_are_a_model():
    spec = parse_spec(MINIMAL)
    assert spec.paid == ("tv",)
    assert spec.columns == ("week_start", "revenue", "tv_spend")
    assert spec.l_max == 8


def test_what_a_channel_leaves_out_comes_from_the_defaults():
    spec = parse_spec(
        {
            **MINIMAL,
            "media": {
                "defaults": {
                    "adstock": {"l_max": 6, "alpha": {"beta": [2, 5]}},
                    "saturation": {"slope": 1.0},
                    "prior": {"roi": {"lognormal": [0.5, 0.5]}},
                },
                "channels": {
                    "tv": {"spend": "tv_spend", "adstock": {"l_max": 13}},
                    "search": {"spend": "search_spend", "prior": {"contribution": {"beta": [2, 20]}}},
                },
                "organic": {"newsletter": {"exposure": "sends"}},
            },
        }
    )
    tv, search = spec.media.channels["tv"], spec.media.channels["search"]
    assert (tv.adstock.l_max, tv.adstock.alpha.parameters) == (13, (2, 5))
    assert search.adstock.l_max == 6
    assert tv.saturation.slope.family == "fixed"
    assert tv.prior.prior.parameters == (0.5, 0.5)
    assert search.prior.kind == "contribution"
    assert spec.media.organic["newsletter"].adstock.l_max == 6
    assert spec.media.organic["newsletter"].prior.kind == "contribution"


def test_yaml_round_trip_and_hash():
    spec = parse_spec(changed(["fit", "seed"], 11))
    again = parse_spec(yaml.safe_load(spec.to_yaml()))
    assert again == spec
    assert again.spec_hash == spec.spec_hash


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        (["owner"], "team:other", True),
        (["review", "ess_bulk"], 400, True),
        (["budget", "weeks"], 26, True),
        (["fit", "seed"], 8, False),
        (["media", "channels", "tv", "spend"], "tv_cost", False),
        (["baseline", "seasonality"], {"order": 3}, False),
    ],
)
def test_hash_changes_with_what_can_change_the_posterior(path, value, same):
    assert (parse_spec(changed(path, value)).spec_hash == parse_spec(MINIMAL).spec_hash) is same


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["kpl"], {}, "kpl: unknown key 'kpl': did you mean 'kpi'?"),
        (["media", "channels", "tv", "adstok"], {}, "did you mean 'adstock'?"),
        (["media", "channels", "tv", "reach"], "tv_reach", "not supported yet"),
        (["treatments"], {}, "treatments: not supported yet"),
        (["calibration"], {}, "calibration: not supported yet"),
        (["baseline", "holidays"], {"country": "US"}, "baseline.holidays: not supported yet"),
        (["baseline", "level"], "randomwalk", "did you mean 'random_walk'?"),
        (["likelihood"], "student_t", "likelihood"),
        (["fit", "engine"], "pymc", "fit.engine"),
        (["media", "channels", "tv", "adstock"], {"kind": "geomtric"}, "did you mean 'geometric'?"),
        (["media", "channels", "tv", "prior"], {"roi": {"lognorml": [0, 1]}}, "did you mean 'lognormal'?"),
        (["media", "channels", "tv", "prior"], {"roi": {"lognormal": [0]}}, "takes ['loc', 'scale']"),
        (["media", "channels", "tv", "prior"], {"roi": {"normal": [0, 1]}}, "must stay within [0, inf]"),
        (["media", "channels", "tv", "prior"], {"mroi": {"lognormal": [0, 1]}}, "mroi is not supported yet"),
        (
            ["media", "channels", "tv", "adstock"],
            {"alpha": {"beta": [0, 3]}},
            "concentration1 must be positive",
        ),
        (
            ["media", "organic"],
            {"mail": {"exposure": "m", "prior": {"roi": {"lognormal": [0, 1]}}}},
            "no roi",
        ),
        (["budget", "bounds"], {"tvv": [0.5, 1.5]}, "did you mean 'tv'?"),
        (["budget", "bounds"], {"tv": [1.5, 0.5]}, "0 <= lower <= upper"),
        (["time"], {"from": "2024-01-01", "to": "2023-01-01"}, "is not before"),
        (["model"], "Small Model", "model"),
    ],
)
def test_refused_and_said_why(path, value, says):
    with pytest.raises(SpecError) as error:
        parse_spec(changed(path, value), source="models/small.yaml")
    assert says in str(error.value)
    assert str(error.value).startswith("models/small.yaml")


def test_every_fault_is_listed_at_once():
    spec = changed(["kpl"], {})
    spec["fit"] = {"warmpu": 3}
    with pytest.raises(SpecError, match="kpl") as error:
        parse_spec(spec)
    assert "did you mean 'warmup'?" in str(error.value)


def test_files_that_are_no_specification(tmp_path):
    with pytest.raises(SpecError, match="no such model file"):
        load_spec(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("model: [")
    with pytest.raises(SpecError, match="not valid YAML"):
        load_spec(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(SpecError, match="expected a mapping"):
        load_spec(tmp_path / "list.yaml")


def test_json_schema_names_the_keys_a_user_writes():
    schema = json_schema()
    assert {"model", "table", "kpi", "media", "time", "budget"} <= set(schema["properties"])
    assert "from" in schema["$defs"]["Time"]["properties"]


def test_every_key_is_documented_and_the_documented_examples_are_read():
    """docs/model-spec.md against the types: a key added here must be explained there."""
    text = (Path(__file__).parents[2] / "docs" / "model-spec.md").read_text()
    for definition in [json_schema(), *json_schema()["$defs"].values()]:
        for key in definition.get("properties", {}):
            if definition.get("title") != "Prior":
                assert f"{key}" in text, f"docs/model-spec.md does not mention {key}"
    first, second = (block.split("```")[0] for block in text.split("```yaml\n")[1:])
    assert parse_spec(yaml.safe_load(first)).paid == ("tv",)
    assert parse_spec({**MINIMAL, **yaml.safe_load(second)}).organic == ("newsletter",)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "models").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_models_of_the_project_are_read(path):
    assert load_spec(path).model == path.stem


def test_a_component_needs_a_name_of_its_own():
    with pytest.raises(SpecError, match="tv: named more than once"):
        parse_spec({**MINIMAL, "controls": ["tv"]})
    with pytest.raises(SpecError, match="price: named more than once"):
        parse_spec({**MINIMAL, "controls": ["price"], "baseline": {"events": {"price": ["2024-01-01"]}}})
