"""What a process is set up with."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from platformdirs import user_cache_path

from mmm_core.data.arrays import model_data
from mmm_core.inference.runtime import (
    Devices,
    compilation_cache,
    configure,
    largest_divisor,
    only_new_garbage,
)
from mmm_core.inference.variables import trace_variables
from mmm_core.model.prepare import prepare
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table


def test_old_objects_are_spared_by_collections_and_given_back():
    assert gc.get_freeze_count() == 0
    with only_new_garbage():
        assert gc.get_freeze_count() > 0
        with only_new_garbage():
            pass
        assert gc.get_freeze_count() > 0  # the inner one leaves the outer one's objects alone
    assert gc.get_freeze_count() == 0


def test_they_are_given_back_after_an_error_too():
    with pytest.raises(ValueError, match="inside"):
        _fails()
    assert gc.get_freeze_count() == 0


@only_new_garbage()
def _fails():
    raise ValueError("inside")


def test_compiled_programs_are_kept_where_one_says_or_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("MMM_COMPILATION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compilation_cache() == user_cache_path("carryover", appauthor=False) / "jax"
    if sys.platform == "linux":
        assert compilation_cache() == tmp_path / "carryover" / "jax"
    monkeypatch.setenv("MMM_COMPILATION_CACHE", str(tmp_path / "here"))
    assert compilation_cache() == tmp_path / "here"
    monkeypatch.setenv("MMM_COMPILATION_CACHE", "")
    assert compilation_cache() is None


@pytest.mark.parametrize(
    ("parts", "devices", "over"), [(4, 4, 4), (4, 3, 2), (5, 4, 1), (1, 8, 1), (6, 100, 6)]
)
def test_parts_are_spread_evenly(parts, devices, over):
    assert largest_divisor(parts, devices) == over


ORDER = """
import sys
from mmm_core.forecast.predictive import prior_predictive
from mmm_core.inference.fit import fit
from mmm_core.effects.roi import roi_table
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
spec = parse_spec({**SPEC, "fit": {"chains": 4, "warmup": 100, "draws": 100}})
if sys.argv[1] == "prior":
    prior_predictive(weekly_table(60), spec, draws=20)
elif sys.argv[1] == "roi":
    roi_table(posterior())
elif sys.argv[1] == "laplace":
    fit(weekly_table(60), spec.model_copy(update={"fit": spec.fit.model_copy(update={"engine": "laplace"})}))
print(fit(weekly_table(60), spec).attrs["devices"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["prior", "roi", "laplace"])
def test_a_fit_has_a_device_a_chain_whatever_was_computed_before_it(first):
    """JAX fixes the number of its devices when it first computes."""
    done = subprocess.run(
        [sys.executable, "-c", ORDER, first],
        env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "4"


def test_programs_of_a_model_multiply_float32_matrices_as_float32():
    """What a GPU does with them otherwise can be seen on a GPU alone; what it is told, here."""
    spec = parse_spec(SPEC)
    data = model_data(weekly_table(60), spec)
    program = str(trace_variables(prepare(data, spec, (), data.sizes["week"])))
    stated = re.findall(r"dot_general\[\s+dimension_numbers=.*\s+precision=(.*)", program)
    assert len(stated) == program.count("dot_general[") > 3
    assert set(stated) == {"(Precision.HIGHEST, Precision.HIGHEST)"}


def test_geos_are_not_spread_over_devices_that_are_there_for_chains(monkeypatch):
    monkeypatch.setattr("mmm_core.devices._made", jax.device_count())
    assert configure(1, geos=40) == Devices(1, 1)
    monkeypatch.setattr("mmm_core.devices._made", 0)
    assert configure(1, geos=40) == Devices(1, largest_divisor(40, jax.device_count()))
