"""A long-term posterior as one labelled DataTree, and its file.

Groups: `bvar`, the draws and what they were fitted on (`mmm_core.long_term.coefficients.labelled`); `short`, the
short-term ROI of the same draws and what a unit of base sales brings; `surveys`, the waves that were read; `checks`, of
`mmm_core.long_term.checks`. Root attributes hold the model's name, the rule as JSON, which short-term posterior the
draws belong to, the as-of week and the notes in words, so that a file is enough for every table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import DamagedFile, InputError
from mmm_core.files import write_whole

FORMAT = 2
"""Raised when an older reader, or a newer one, would misread a file."""
GROUPS = ("bvar", "short", "surveys", "checks")
ATTRIBUTES = ("model", "rule", "as_of", "origin", "kpi", "returns", "notes")


def save_long_term(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a long-term posterior as netCDF, whole or not at all."""
    encoding = {"/bvar": {name: {"zlib": True, "complevel": 1} for name in ("observed", "modelled")}}
    return write_whole(
        Path(path),
        lambda partial: tree.to_netcdf(partial, engine="h5netcdf", encoding=encoding),
        size=int(tree.nbytes),
    )


def load_long_term(path: str | Path) -> xr.DataTree:
    """Read a long-term posterior into memory; the file is closed again.

    Raises:
        DamagedFile: it cannot be read. InputError: no such file, or no long-term posterior of this format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: no such long-term posterior: `mmm bvar ... --out FOLDER` writes FOLDER/long_term.nc"
        )
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except Exception:  # whatever HDF5 and its readers make of damaged bytes
        raise DamagedFile(f"{path}: not a netCDF file, or a damaged one: fit the long term again") from None
    check_long_term(tree, str(path))
    return tree


def check_long_term(tree: xr.DataTree, source: str = "long-term posterior") -> None:
    """Raise InputError unless the tree is a long-term posterior of this format."""
    missing = [name for name in GROUPS if name not in tree.children]
    missing += [name for name in ATTRIBUTES if name not in tree.attrs]
    if missing:
        raise InputError(f"{source}: has no {missing[0]}: this is no long-term posterior of this library")
    if tree.attrs["format"] != FORMAT:
        raise InputError(
            f"{source}: is of format {tree.attrs['format']}, this release reads {FORMAT}: fit the long term again"
        )


def as_dataset(table: pd.DataFrame) -> xr.Dataset:
    """A table as a group: a variable a column, texts as texts."""
    columns = {}
    for name in table.columns:
        values = table[name].to_numpy()
        columns[str(name)] = ("row", values.astype(str) if values.dtype == object else values)
    return xr.Dataset(columns, coords={"row": np.arange(len(table))})


def as_table(group: xr.Dataset) -> pd.DataFrame:
    """The table again."""
    return pd.DataFrame({str(name): group[name].to_numpy() for name in group.data_vars})
