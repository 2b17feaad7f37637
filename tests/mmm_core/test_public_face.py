"""`from mmm_core import name`: every public name is there, and none is loaded before it is asked for."""

import subprocess
import sys

import pytest

import mmm_core
from mmm_core.public import MODULES


@pytest.mark.parametrize("name", mmm_core.__all__)
def test_a_public_name_is_what_its_module_holds(name):
    found = getattr(mmm_core, name)
    assert found is getattr(sys.modules[MODULES[name]], name)
    assert name in dir(mmm_core)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="'fitt'"):
        mmm_core.fitt  # noqa: B018


def test_all_of_them_are_imported_by_a_star():
    names = {}
    exec("from mmm_core import *", names)
    assert set(MODULES) <= set(names)


def test_the_package_alone_loads_nothing_heavy():
    code = (
        "import sys, mmm_core; print({'jax', 'numpyro', 'xarray', 'pandas', 'pydantic'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
