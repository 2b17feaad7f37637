"""Kinds of one's own: registered by a module that the YAML names, in the schema, and refused without it."""

import copy
import sys

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from mmm_core.data.arrays import model_data
from mmm_core.errors import SpecError
from mmm_core.inference.fit import fit
from mmm_core.model.media import MediaModel, MediaParameters
from mmm_core.spec.model_spec import json_schema, parse_spec
from mmm_core.transforms.adstock import ADSTOCKS, lag_weights
from mmm_core.transforms.registry import Kinds, parameter
from mmm_core.transforms.saturation import SATURATIONS
from tests.mmm_core.posteriors import SPEC, weekly_table
from tests.mmm_core.spec.documented import blocks

(MODULE,) = blocks("python")
(YAML,) = (text for text in blocks("yaml") if "extensions" in text)
NAME = yaml.safe_load(YAML)["extensions"][0]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The documented module, importable for one test; registries are put back afterwards."""
    known = copy.copy(dict(ADSTOCKS))
    (tmp_path / f"{NAME}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield NAME
    sys.modules.pop(NAME, None)
    ADSTOCKS.clear()
    ADSTOCKS.update(known)


def documented(**changes):
    mapping = yaml.safe_load(YAML)
    media = {**SPEC["media"], "defaults": {**SPEC["media"]["defaults"], **mapping["media"]["defaults"]}}
    return {**SPEC, "extensions": mapping["extensions"], "media": media, **changes}


def test_the_documented_module_is_short():
    assert len(MODULE.strip().splitlines()) <= 15


def test_a_kind_of_ones_own_is_read_described_and_computed(module):
    spec = parse_spec(documented())
    adstock = spec.media.channels["tv"].adstock
    assert adstock.kind == "linear"
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    known = json_schema()["$defs"]["Adstock"]["properties"]
    assert "linear" in known["kind"]["enum"]
    assert "weeks until nothing is left" in known["span"]["description"]
    np.testing.assert_allclose(
        lag_weights("linear", 3, span=jnp.array([2.0, 4.0])),
        [[2 / 3, 1 / 3, 0, 0], [0.4, 0.3, 0.2, 0.1]],
        atol=1e-6,
    )
    data = model_data(weekly_table(), spec)
    shape = {name: np.array([3.0, 2.0, 1.0]) for name in ("span", "half_saturation", "slope")}
    effect = MediaModel.of(data, spec).effect(
        MediaParameters(shape, np.ones((1, 3))), data["exposure"].to_numpy()
    )
    assert np.isfinite(effect).all()
    assert float(effect.sum()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpyro", "laplace"])
def test_it_is_fitted_within_its_support(module, engine):
    length = {"engine": engine, "chains": 2, "warmup": 100, "draws": 100}
    span = fit(weekly_table(), parse_spec(documented(fit=length)))["posterior"]["span"].to_numpy()
    low, high = yaml.safe_load(YAML)["media"]["defaults"]["adstock"]["span"]["uniform"]
    assert ((low < span) & (span < high)).all()
    assert span.std() > 0.1


def test_its_parameters_are_held_to_their_support(module):
    wrong = documented()
    wrong["media"] = copy.deepcopy(wrong["media"])
    wrong["media"]["defaults"]["adstock"]["span"] = -1.0
    with pytest.raises(SpecError, match=r"span: the prior must stay within \[0, inf\]"):
        parse_spec(wrong)


def test_without_the_extension_it_is_refused(module):
    with pytest.raises(SpecError, match="unknown adstock 'linear': known: binomial, delayed, geometric"):
        parse_spec(documented(extensions=[]))
    parse_spec(documented())
    with pytest.raises(
        SpecError, match=rf"tv: adstock 'linear' comes from module {NAME}.*extensions: \[{NAME}\]"
    ):
        parse_spec(documented(extensions=[]))


def test_a_module_that_fails_is_named_with_its_error(tmp_path, monkeypatch):
    (tmp_path / "broken_shapes.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match="module 'broken_shapes' cannot be imported: division by zero"):
        parse_spec({**SPEC, "extensions": ["broken_shapes"]})


def test_a_name_that_is_taken_is_refused_and_a_reload_is_not():
    kinds = Kinds("adstock")

    def first(lags):
        """First."""

    def second(lags):
        """Second."""

    kinds.register("mine")(first)
    kinds.register("mine")(first)
    with pytest.raises(ValueError, match="adstock 'mine' is already registered"):
        kinds.register("mine")(second)


def test_a_module_cannot_replace_a_kind_of_the_library(tmp_path, monkeypatch):
    text = (
        "from mmm_core.transforms.adstock import ADSTOCKS\n\n\n"
        "@ADSTOCKS.register('geometric')\ndef geometric(lags): ...\n"
    )
    (tmp_path / "greedy_shapes.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        SpecError, match=r"'geometric' is already registered by mmm_core.transforms.adstock: choose another"
    ):
        parse_spec({**SPEC, "extensions": ["greedy_shapes"]})
    assert ADSTOCKS["geometric"].module == "mmm_core.transforms.adstock"


def test_parameters_of_the_registered_kinds_lie_where_they_may():
    """Default priors within their own bounds, and every kind and parameter described."""
    for kinds in (ADSTOCKS, SATURATIONS):
        for name, kind in kinds.items():
            kinds.check_supports(name, {key: value.prior for key, value in kind.parameters.items()})
            assert kind.description
            assert all(value.description for value in kind.parameters.values())
    assert parameter("x", high=1, beta=[1, 1]).prior.support() == (0, 1)
