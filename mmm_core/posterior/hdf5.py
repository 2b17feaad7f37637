"""A posterior's netCDF file read as what it is underneath, HDF5: in a fifth of the time that its usual reader takes.

xarray's reader asks h5netcdf for one property of one variable after the other, and h5netcdf opens the variable for
each. Here every array is read once, and xarray decodes them as it does those of its reader. Only what `to_netcdf`
writes of a posterior is understood; whoever calls holds the content against its digest, and takes the usual reader
where they differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

HIDDEN = {
    "REFERENCE_LIST", "CLASS", "DIMENSION_LIST", "NAME",
    "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties",
}  # fmt: skip
"""Attributes by which netCDF keeps its dimensions in HDF5."""
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def read_tree(path: Path) -> xr.DataTree:
    """Every group of a file, in memory.

    Raises:
        Exception: whatever reading what is not there or is something else comes to.
    """
    import h5py

    with h5py.File(path, "r") as file:
        groups = {"/": _group(file, h5py)}
        groups |= {name: _group(item, h5py) for name, item in file.items() if isinstance(item, h5py.Group)}
    return xr.DataTree.from_dict(groups)


def _group(group: Any, h5py: Any) -> xr.Dataset:
    """The variables and attributes of one group, decoded."""
    items = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset)}
    names = {h5py.h5o.get_info(item.id).addr: name for name, item in items.items()}
    variables = {
        name: xr.Variable(_dims(name, item, names, h5py), _values(item, h5py), _attributes(item.attrs))
        for name, item in items.items()
        if not item.attrs.get("NAME", b"").startswith(NO_VARIABLE)
    }
    return xr.decode_cf(xr.Dataset(variables, attrs=_attributes(group.attrs))).load()


def _dims(name: str, item: Any, names: dict[int, str], h5py: Any) -> tuple[str, ...]:
    """Names of a variable's dimensions: those of the arrays that it refers to; a dimension's labels are over itself."""
    if "DIMENSION_LIST" not in item.attrs:
        return (name,) if item.ndim else ()
    scales = item.attrs["DIMENSION_LIST"]
    return tuple(names[h5py.h5o.get_info(h5py.h5r.dereference(one[0], item.id)).addr] for one in scales)


def _values(item: Any, h5py: Any) -> np.ndarray:
    """An array; text as text of one length, which is how xarray's reader has it."""
    if h5py.check_string_dtype(item.dtype):
        return np.asarray(item.asstr()[()], dtype=str)
    return np.asarray(item[()])


def _attributes(attributes: Any) -> dict[str, Any]:
    """Attributes as netCDF has them: one number is a number, and not an array of one."""
    found = {}
    for name in attributes:
        if name not in HIDDEN:
            value = attributes[name]
            found[name] = value[0] if isinstance(value, np.ndarray) and value.shape == (1,) else value
    return found
