"""The quick reader reads what xarray's does, and is not believed where the digest says otherwise."""

import numpy as np
import pytest
import xarray as xr

from mmm_core.posterior import schema
from mmm_core.posterior.hdf5 import read_tree
from mmm_core.posterior.integrity import content_digest
from mmm_core.posterior.schema import load_posterior, save_posterior
from tests.mmm_core.posteriors import SPEC, family_spec, panel_spec, posterior


@pytest.fixture(scope="module", params=["plain", "family", "panel"])
def file(request, tmp_path_factory):
    spec = {"plain": SPEC, "family": family_spec(), "panel": panel_spec()}[request.param]
    tree = posterior(spec)
    tree["sampler"] = xr.DataTree(
        xr.Dataset(
            {"position": (("chain", "entry"), np.ones((2, 3))), "variance": ("other_entry", np.empty(0))},
            attrs={"step_size": 0.1, "parametrisation": "é"},
        )
    )
    tree["sample_stats"]["diverging"] = tree["sample_stats"]["diverging"].astype(bool)
    return save_posterior(tree, tmp_path_factory.mktemp(request.param) / "posterior.nc")


def test_it_reads_what_the_usual_reader_reads(file):
    quick = read_tree(file)
    with xr.open_datatree(file, engine="h5netcdf") as opened:
        usual = opened.load()
    assert quick.groups == usual.groups
    for group in usual.groups:
        one, other = (tree[group].to_dataset(inherit=False) for tree in (quick, usual))
        xr.testing.assert_identical(one, other)
        assert list(one.variables) == list(other.variables)
        assert one.xindexes.keys() == other.xindexes.keys()
        for name, variable in other.variables.items():
            assert one[name].dtype == variable.dtype, name
            assert isinstance(one.variables[name]._data, type(variable._data)), name
        assert {key: type(value) for key, value in one.attrs.items()} == {
            key: type(value) for key, value in other.attrs.items()
        }


def test_a_whole_file_is_read_quickly_and_saved_again_as_it_was(file, tmp_path, monkeypatch):
    monkeypatch.setattr(xr, "open_datatree", None)
    tree = load_posterior(file)
    again = load_posterior(save_posterior(tree, tmp_path / "again.nc"))
    assert content_digest(again) == content_digest(tree)


@pytest.mark.parametrize("wrong", ["another draw", "no digest", "an error"])
def test_what_it_read_otherwise_is_read_by_the_usual_reader(file, monkeypatch, wrong):
    def misread(path):
        if wrong == "an error":
            raise KeyError("REFERENCE_LIST")
        tree = read_tree(path)
        tree["posterior"]["roi"] = tree["posterior"]["roi"] + 1
        if wrong == "no digest":
            tree.attrs.clear()
        return tree

    expected = content_digest(load_posterior(file))
    monkeypatch.setattr(schema, "read_tree", misread)
    assert content_digest(load_posterior(file)) == expected
