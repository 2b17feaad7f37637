"""A posterior that is not what was written is refused, whichever of its bytes changed."""

import random

import numpy as np
import pytest
import xarray as xr

from mmm_core.errors import DamagedFile
from mmm_core.posterior.integrity import DIGEST, check_digest, content_digest, with_digest
from mmm_core.posterior.schema import load_posterior, save_posterior
from tests.mmm_core.posteriors import family_spec, posterior


@pytest.fixture(scope="module")
def tree():
    return posterior(family_spec())


def test_what_was_written_is_what_is_read(tree, tmp_path):
    path = save_posterior(tree, tmp_path / "posterior.nc")
    read = load_posterior(path)
    assert DIGEST not in tree.attrs  # the posterior in memory is left as it was
    assert DIGEST not in read.attrs
    assert content_digest(read) == content_digest(tree)
    with xr.open_datatree(path, engine="h5netcdf") as file:
        assert file.attrs[DIGEST] == content_digest(tree)
    again = save_posterior(read, tmp_path / "again.nc")
    assert content_digest(load_posterior(again)) == content_digest(tree)


def test_64_flipped_bytes_anywhere_are_noticed_or_change_nothing(tree, tmp_path):
    path = save_posterior(tree, tmp_path / "posterior.nc")
    whole, chance = path.read_bytes(), random.Random(5)
    noticed = 0
    for _ in range(12):
        damaged, place = bytearray(whole), chance.randrange(len(whole) - 64)
        for n in range(64):
            damaged[place + n] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            read = load_posterior(path)
        except DamagedFile:
            noticed += 1
        else:
            assert content_digest(read) == content_digest(tree), place
    assert noticed > 6


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_half_a_file_is_refused(tree, tmp_path, kept):
    path = save_posterior(tree, tmp_path / "posterior.nc")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DamagedFile, match=r"posterior\.nc: .*damaged.*fit again"):
        load_posterior(path)


def test_a_changed_draw_is_refused_with_the_remedy(tree, tmp_path):
    import h5py

    path = save_posterior(tree, tmp_path / "posterior.nc")
    with h5py.File(path, "r+") as file:
        file["posterior/roi"][0, 0, 0] *= 1.0001
    with pytest.raises(DamagedFile, match=r"posterior\.nc: damaged.*fit again"):
        load_posterior(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["a"]["x"].values.__setitem__(0, 2.0),
        lambda tree: tree["a"]["x"].attrs.update(unit="pounds"),
        lambda tree: tree["a"].attrs.update(step=0.2),
        lambda tree: tree.attrs.update(spec="model: b"),
        lambda tree: tree["a"]["name"].values.__setitem__(1, "television"),
        lambda tree: tree["a"]["week"].values.__setitem__(0, np.datetime64("2026-01-12", "ns")),
        lambda tree: tree["a"].__setitem__("y", tree["a"]["x"]),
        lambda tree: tree.__setitem__("c", xr.DataTree(xr.Dataset())),
    ],
)
def test_values_names_dimensions_and_attributes_all_count(change):
    tree = small()
    assert content_digest(small()) == content_digest(tree)
    change(tree)
    assert content_digest(small()) != content_digest(tree)


def small() -> xr.DataTree:
    weeks = np.array(["2026-01-05", "2026-01-12"], "datetime64[ns]")
    a = xr.Dataset(
        {"x": ("week", [1.0, np.nan], {"unit": "dollars"}), "name": ("week", np.array(["search", "tv"], object))},
        {"week": weeks},
        {"step": 0.1},
    )  # fmt: skip
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"spec": "model: a"}), "/a": a})


def test_a_file_of_a_time_before_digests_is_taken_as_it_is(tmp_path):
    tree = small()
    check_digest(tree, tmp_path)
    signed = with_digest(tree)
    signed["a"]["x"] = signed["a"]["x"] + 1
    with pytest.raises(DamagedFile):
        check_digest(signed, tmp_path)
