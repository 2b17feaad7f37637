"""Whether a posterior is what was written: a digest of everything in it, kept in the file as a root attribute.

Netcdf files carry no checksum of their own: a few changed bytes among the draws read as other draws.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mmm_core.errors import DamagedFile

DIGEST = "content_sha256"


def content_digest(tree: xr.DataTree) -> str:
    """SHA-256 over every group's names, dimensions, values and attributes, whatever order they lie in.

    The digest is of what a reader gets, so it does not depend on how a file lays it out.
    """
    digest = hashlib.sha256()
    for path, group in sorted((node.path, node.dataset) for node in tree.subtree):
        digest.update(f"group {path} {_attributes(group.attrs)}\n".encode())
        for name in sorted(map(str, group.variables)):
            variable = group.variables[name]
            values = np.ascontiguousarray(variable.to_numpy())
            dims = dict(zip(map(str, variable.dims), variable.shape, strict=True))
            digest.update(f"variable {name} {dims} {_attributes(variable.attrs)}\n".encode())
            if values.dtype.kind in "OUST":
                digest.update("\0".join(map(str, values.ravel())).encode())
            else:
                digest.update(f"{values.dtype.newbyteorder('=').str}\n".encode())
                digest.update(values.view(np.uint8).data)
    return digest.hexdigest()


def with_digest(tree: xr.DataTree) -> xr.DataTree:
    """The posterior with its digest among its root attributes; shares the arrays."""
    signed = tree.copy()
    signed.attrs.pop(DIGEST, None)
    signed.attrs[DIGEST] = content_digest(signed)
    return signed


def take_digest(tree: xr.DataTree) -> bool | None:
    """Take the digest off a posterior that was read: whether its content is of that digest; None where it has none."""
    written = tree.attrs.pop(DIGEST, None)
    return None if written is None else bool(written == content_digest(tree))


def check_digest(tree: xr.DataTree, path: Path) -> None:
    """Take the digest off a posterior that was read, and hold its content against it.

    A file of a time before digests is taken as it is.

    Raises:
        DamagedFile: the content is not what was written.
    """
    if take_digest(tree) is False:
        raise DamagedFile(
            f"{path}: damaged: its content is not what was written: take it from a backup, or fit again"
        )


def _attributes(attributes: dict[Any, Any]) -> str:
    return repr(sorted((str(name), _plain(value)) for name, value in attributes.items()))


def _plain(value: Any) -> Any:
    """An attribute as netCDF gives it back: numbers and arrays of NumPy's, text as it is."""
    array = np.asarray(value)
    return array.tolist() if array.dtype.kind != "S" else array.astype(str).tolist()
