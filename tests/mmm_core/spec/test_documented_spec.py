"""docs/model-spec.md, the JSON schema and the models that lie in `models/`, against the specification's own types."""

import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from mmm_core.inference.engines import ENGINES
from mmm_core.priors import FAMILIES
from mmm_core.spec.model_spec import NOT_YET, json_schema, load_spec, parse_spec
from mmm_core.transforms.adstock import ADSTOCKS
from mmm_core.transforms.saturation import SATURATIONS
from tests.mmm_core.spec.documented import DOCUMENTED, blocks
from tests.mmm_core.spec.minimal import MINIMAL, as_json, changed


def test_json_schema_names_the_keys_a_user_writes():
    schema = json_schema()
    assert {"model", "table", "kpi", "media", "time", "budget"} <= set(schema["properties"])
    assert "from" in schema["$defs"]["Time"]["properties"]


def test_json_schema_lists_every_kind_with_its_parameters_and_shows_priors_as_they_are_written():
    parts = json_schema()["$defs"]
    assert parts["Adstock"]["properties"]["kind"]["enum"] == list(ADSTOCKS)
    assert parts["Saturation"]["properties"]["kind"]["enum"] == list(SATURATIONS)
    assert {"l_max", "alpha", "peak", "shape", "scale"} <= set(parts["Adstock"]["properties"])
    assert "default {gamma: [2, 1]}" in parts["Adstock"]["properties"]["peak"]["description"]
    assert parts["MediaDefaults"]["properties"]["prior"]["default"] == {"roi": {"lognormal": [0.2, 0.9]}}


def of_extensions(text):
    return "extensions" in yaml.safe_load(text)


@pytest.mark.parametrize("text", [text for text in blocks("yaml") if not of_extensions(text)])
def test_the_documented_examples_are_read_and_agree_with_the_schema(text):
    """An example that is no whole model is one with the four required keys of MINIMAL."""
    mapping = {**MINIMAL, **yaml.safe_load(text)}
    assert parse_spec(mapping).channels
    jsonschema.validate(as_json(mapping), json_schema())


@pytest.fixture
def forgotten():
    """Kinds and modules that a test registers, forgotten afterwards."""
    kinds, modules = dict(ADSTOCKS), set(sys.modules)
    yield
    for name in set(ADSTOCKS) - set(kinds):
        ADSTOCKS.pop(name)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.mark.usefixtures("forgotten")
def test_the_documented_shape_of_ones_own_is_read_from_the_module_as_it_is_printed(tmp_path):
    (text,) = filter(of_extensions, blocks("yaml"))
    (module,) = (block for block in blocks("python") if "ADSTOCKS.register" in block)
    (name,) = yaml.safe_load(text)["extensions"]
    (tmp_path / f"{name}.py").write_text(module)
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({**MINIMAL, **yaml.safe_load(text)}))
    adstock = load_spec(tmp_path / "model.yaml").media.channels["tv"].adstock
    assert (adstock.kind, set(adstock.parameters)) == ("linear", {"span"})


@pytest.mark.parametrize(
    "spoilt",
    [
        changed(["kpl"], {}),
        changed(["media", "channels", "tv", "adstock"], {"kind": "geomtric"}),
        changed(["media", "channels", "tv", "adstock"], {"alhpa": 0.5}),
        changed(["media", "channels", "tv", "prior"], {"roi": {"lognorml": [0, 1]}}),
        changed(["media", "channels", "tv", "prior"], {"roi": {"lognormal": [0]}}),
    ],
)
def test_the_schema_refuses_what_the_library_refuses(spoilt):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, json_schema())


def test_every_key_is_documented():
    """docs/model-spec.md against the types: a key, a kind or an engine added here must be explained there."""
    schema = json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        for key in definition.get("properties", {}):
            assert re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", DOCUMENTED), (
                f"docs/model-spec.md does not explain {key}"
            )
    for name in (*ADSTOCKS, *SATURATIONS, *ENGINES, *NOT_YET, *FAMILIES):
        assert f"`{name}`" in DOCUMENTED, f"docs/model-spec.md does not explain {name}"


def test_the_documented_defaults_of_shapes_are_those_of_the_registry():
    for kinds in (ADSTOCKS, SATURATIONS):
        for kind in kinds.values():
            for name, value in kind.parameters.items():
                row = f"| `{kind.name}` | `{name}` | `{value.prior.words}` |"
                assert row in DOCUMENTED, f"docs/model-spec.md lacks {row} of {kinds.role} {kind.name}"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "models").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_models_of_the_project_are_read(path):
    assert load_spec(path).model == path.stem
    jsonschema.validate(as_json(yaml.safe_load(path.read_text())), json_schema())
