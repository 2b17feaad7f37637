"""The posterior as one labelled DataTree: its schema and its file.

Groups: `posterior` (chain, draw, ...), `sample_stats` (chain, draw) and `constant_data`, the arrays of
`mmm_core.data.arrays.model_data`. A parameter of adstock or saturation is nan for the channels that do not have it.
Root attributes hold the model's name, its specification as YAML, the fingerprint of the table it was fitted on, engine,
seed, the hash of the source that computed it and versions, so that a file is enough to carry on from. Extension modules
are kept in a folder beside the file. `mmm_core.inference.version` says what makes a version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol

import numpy as np
import xarray as xr
import yaml

from mmm_core.errors import DamagedFile, InputError, SpecError
from mmm_core.evidence.stored import Evidence, evidence_from
from mmm_core.files import write_whole
from mmm_core.posterior.hdf5 import read_tree
from mmm_core.posterior.integrity import check_digest, take_digest, with_digest
from mmm_core.spec.extensions import extension, extensions_folder, load_extensions
from mmm_core.spec.margin import without_old_default
from mmm_core.spec.model_spec import ModelSpec, parse_spec
from mmm_core.spec.yaml_file import own_yaml

FORMAT = 4
"""Raised when groups, variables or attributes change so that an older reader, or a newer one, would misread a file.

1 and 2 stand in files as `engine_version`; 3 had no digest.
"""

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

SAMPLER = "sampler"
"""Group of a posterior that a later fit may start from: where the chains ended, mass matrix, step size."""

LIFT_TESTS = "lift_tests"
"""Root attribute with the lift tests that a posterior saw."""

SAMPLE_STATS = ("diverging", "num_steps", "energy", "acceptance_rate")
CONSTANT_DATA = (
    "exposure", "spend", "kpi", "revenue_per_kpi", "observed", "population", "design", "design_centre",
    "design_scale", "design_prior_sd", "media_scale", "kpi_centre", "kpi_scale",
)  # fmt: skip
ROOT_ATTRIBUTES = (
    "format",
    "model",
    "spec",
    "spec_hash",
    "table",
    "seed",
    "engine",
    "approximate",
    "source",
    "versions",
)


class WithAttributes(Protocol):
    """A posterior's tree, or its handle."""

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """Root attributes."""


def calibrated_by(tree: WithAttributes) -> Evidence | None:
    """The lift tests that a posterior saw, with those set aside; None where it saw none.

    Raises:
        DamagedFile: they are not what a fit of this release writes.
    """
    if LIFT_TESTS not in tree.attrs:
        return None
    try:
        found = evidence_from(json.loads(tree.attrs[LIFT_TESTS]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedFile(
            f"posterior of {tree.attrs.get('model', '?')}: the lift tests that it saw cannot be read ({error}): fit it "
            "again, or read it with the version that wrote it"
        ) from None
    return found if found.tests else None


def spec_of(tree: xr.DataTree) -> ModelSpec:
    """The specification a posterior was fitted with."""
    stored = without_old_default(own_yaml(tree.attrs["spec"]))
    return parse_spec(stored, source=f"posterior of {tree.attrs.get('model', '?')}")


def written_by(tree: xr.DataTree) -> str:
    """What wrote a posterior: the library's version, and its source where that is known."""
    try:
        release = json.loads(tree.attrs["versions"])["carryover"]
    except (KeyError, TypeError, ValueError):
        release = "of an unknown version"
    return f"carryover {release}" + (f", source {tree.attrs['source']}" if "source" in tree.attrs else "")


def check_posterior(tree: xr.DataTree, source: str = "posterior", kept: Path | None = None) -> None:
    """Raise InputError unless the tree has the groups, variables and dimensions of a posterior, all draws finite.

    Args:
        source: what to call it in messages, its file.
        kept: folder of the extension modules it was fitted with.
    """
    for group in ("posterior", "sample_stats", "constant_data"):
        if group not in tree.children:
            raise InputError(f"{source}: group {group} is missing: this is not a posterior of this library")
    _refuse_another_format(tree, source)
    for name in ROOT_ATTRIBUTES:
        if name not in tree.attrs:
            raise InputError(
                f"{source}: attribute {name} is missing: the file was not written by this library"
            )
    draws = tree["posterior"].to_dataset()
    shapes = _read_spec(tree, source, kept).shape_parameters
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
    """Write a posterior as netCDF, whole or not at all; its extension modules into a folder beside it.

    Raises:
        InputError: it breaks its contract (`mmm_core.posterior.contract`); every variable at fault is named.
    """
    from mmm_core.posterior.contract import contract_faults

    check_posterior(tree)
    if faults := contract_faults(tree):
        raise InputError(
            "\n".join([f"{path}: the posterior breaks its contract and is not written", *faults])
        )
    path, signed = Path(path), with_digest(tree)
    _keep_extensions(spec_of(tree), extensions_folder(path))
    return write_whole(
        path, lambda partial: signed.to_netcdf(partial, engine="h5netcdf"), size=int(tree.nbytes)
    )


def load_posterior(path: str | Path) -> xr.DataTree:
    """Read a posterior into memory; the file is closed again.

    Its extension modules are taken from the folder beside it, where this process has not imported them yet.

    Raises:
        DamagedFile: it cannot be read, or is not what was written.
        InputError: no such file, not a posterior of this library, or one in another format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: no such posterior: `mmm fit ... --out FOLDER` writes one to FOLDER/posterior.nc"
        )
    try:
        tree = _read(path)
    except PermissionError:
        raise InputError(f"{path}: may not be read: ask for the right to read it") from None
    except Exception:  # whatever HDF5 and its readers make of damaged bytes
        raise DamagedFile(
            f"{path}: not a netCDF file, or a damaged one: name the posterior.nc that `mmm fit ... --out FOLDER` "
            "wrote, or fit again"
        ) from None
    _refuse_another_format(tree, str(path))  # first: another release may sign its files in another way
    check_digest(tree, path)
    check_posterior(tree, str(path), extensions_folder(path))
    return tree


def _read(path: Path) -> xr.DataTree:
    """What a file holds: read quickly where that is certainly what was written, and else as any netCDF file is.

    Of what was read quickly the digest has been asked, and is off.
    """
    try:
        if take_digest(tree := read_tree(path)):
            return tree
    except Exception:  # whatever is the matter with it is told by the usual reader
        pass
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        return opened.load()


def _refuse_another_format(tree: xr.DataTree, source: str) -> None:
    found = str(tree.attrs.get("engine_version", tree.attrs.get("format", FORMAT)))
    if found != str(FORMAT):
        newer = not found.isdigit() or int(found) > FORMAT
        remedy = "fit again, or read it with the version that wrote it" if newer else "fit again"
        raise InputError(
            f"{source} was written by {written_by(tree)}, in format {found}; this is carryover "
            f"{package_version('carryover')}, which reads format {FORMAT}: {remedy}"
        )


def _read_spec(tree: xr.DataTree, source: str, kept: Path | None) -> ModelSpec:
    """The specification in a posterior's file: what is refused in it is no fault of a user's YAML."""
    try:
        mapping = without_old_default(own_yaml(tree.attrs["spec"]))
    except yaml.YAMLError:
        mapping = None
    extensions = mapping.get("extensions") if isinstance(mapping, dict) else None
    load_extensions(extensions, source, kept=kept)
    try:
        return parse_spec(mapping, "its specification")
    except SpecError as error:
        raise InputError(
            f"{source} was written by {written_by(tree)}; this is carryover {package_version('carryover')}, which "
            f"refuses the specification in it: fit again, or read it with the version that wrote it\n{error}"
        ) from None


def _keep_extensions(spec: ModelSpec, folder: Path) -> None:
    if folder.is_dir():
        rmtree(folder)
    for name in spec.extensions:
        for file, source in extension(name).files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(source)
