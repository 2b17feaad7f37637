"""The posterior as one labelled DataTree: its schema, its version, its file.

Groups: `posterior` (chain, draw, ...), `sample_stats` (chain, draw) and `constant_data`, the arrays of
`mmm_core.data.arrays.model_data`. A parameter of adstock or saturation is nan for the channels that do not have it.
Root attributes hold the model's name, its specification as YAML, engine, seed and versions, so that a file is enough
to carry on from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

from mmm_core.errors import InputError
from mmm_core.files import write_whole
from mmm_core.spec.model_spec import ModelSpec, parse_spec

# Raised by hand when the posterior of the same specification and data changes on purpose.
ENGINE_VERSION = 2

POSTERIOR_DIMS: dict[str, tuple[str, ...]] = {
    "roi": ("paid_channel",),
    "coefficient": ("geo", "channel"),
    "sigma": (),
    "tau": (),
    "level": ("week",),
    "fixed_effect": ("geo", "term"),
}
"""Variables every posterior has, beside the parameters of adstock and saturation, which are over (channel,)."""

OPTIONAL_DIMS: dict[str, tuple[str, ...]] = {
    "geo_spread": ("channel",),
    "multiplier": ("week", "channel"),
    "multiplier_spread": ("channel",),
    "tau_slope": (),
    "slope_path": ("week",),
    "nu": (),
    "correlation": ("group",),
}
"""Variables that the parts of a specification bring with them."""

SAMPLE_STATS = ("diverging", "num_steps", "energy", "acceptance_rate")
CONSTANT_DATA = (
    "exposure", "spend", "kpi", "revenue_per_kpi", "observed", "population", "design", "design_centre",
    "design_scale", "design_prior_sd", "media_scale", "kpi_centre", "kpi_scale",
)  # fmt: skip
ROOT_ATTRIBUTES = (
    "model",
    "spec",
    "spec_hash",
    "seed",
    "engine",
    "approximate",
    "engine_version",
    "versions",
)


def spec_of(tree: xr.DataTree) -> ModelSpec:
    """The specification a posterior was fitted with."""
    return parse_spec(
        yaml.safe_load(tree.attrs["spec"]), source=f"posterior of {tree.attrs.get('model', '?')}"
    )


def version(table_fingerprint: str, spec: ModelSpec) -> str:
    """The version of a posterior: a hash of its data, specification (seed included) and engine."""
    body = f"{table_fingerprint}|{spec.spec_hash}|{spec.fit.seed}|{ENGINE_VERSION}"
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def check_posterior(tree: xr.DataTree, source: str = "posterior") -> None:
    """Raise InputError unless the tree has the groups, variables and dimensions of a posterior, all draws finite."""
    for group in ("posterior", "sample_stats", "constant_data"):
        if group not in tree.children:
            raise InputError(f"{source}: group {group} is missing: this is not a posterior of this library")
    for name in ROOT_ATTRIBUTES:
        if name not in tree.attrs:
            raise InputError(
                f"{source}: attribute {name} is missing: the file was not written by this library"
            )
    draws = tree["posterior"].to_dataset()
    shapes = spec_of(tree).shape_parameters
    optional = {name: dims for name, dims in OPTIONAL_DIMS.items() if name in draws}
    for name, dims in {**POSTERIOR_DIMS, **optional, **dict.fromkeys(shapes, ("channel",))}.items():
        if name not in draws:
            raise InputError(f"{source}: posterior variable {name} is missing")
        if draws[name].dims != ("chain", "draw", *dims):
            raise InputError(
                f"{source}: {name} has dimensions {draws[name].dims}, expected {('chain', 'draw', *dims)}"
            )
        values = draws[name].sel(channel=list(shapes[name])) if name in shapes else draws[name]
        if not np.isfinite(values.to_numpy()).all():
            raise InputError(f"{source}: {name} holds draws that are not finite")
    for group, names in (("sample_stats", SAMPLE_STATS), ("constant_data", CONSTANT_DATA)):
        missing = [name for name in names if name not in tree[group].data_vars]
        if missing:
            raise InputError(f"{source}: {group} lacks {', '.join(missing)}")


def save_posterior(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a posterior as netCDF, whole or not at all."""
    check_posterior(tree)
    return write_whole(Path(path), lambda partial: tree.to_netcdf(partial, engine="h5netcdf"))


def load_posterior(path: str | Path) -> xr.DataTree:
    """Read a posterior into memory; the file is closed again.

    Raises:
        InputError: no such file, or not a posterior of this library.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: no such posterior: `mmm fit ... --out FOLDER` writes one to FOLDER/posterior.nc"
        )
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except PermissionError:
        raise InputError(f"{path}: may not be read: ask for the right to read it") from None
    except (OSError, ValueError, KeyError):
        raise InputError(
            f"{path}: not a netCDF file, or a damaged one: name the posterior.nc that `mmm fit ... --out FOLDER` "
            "wrote, or fit again"
        ) from None
    check_posterior(tree, str(path))
    return tree
