"""What a version of a posterior means: table, lift tests, what the fit reads of its specification, seed and source.

The source is every module of this library that the fit imports, the engine that the specification names with what that
imports, and the extension modules with what they import beside them. A plot, a command or another engine is no part of
it. Anything that changes makes another version, and a stored posterior of an earlier one is fitted again.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version as package_version

import xarray as xr

from mmm_core.evidence.stored import Evidence
from mmm_core.inference.engines import engine_module
from mmm_core.json_text import dumps
from mmm_core.posterior.schema import WithAttributes, calibrated_by, spec_of, written_by
from mmm_core.source import LIBRARY, is_module, source_hash
from mmm_core.spec.extensions import extension
from mmm_core.spec.model_spec import ModelSpec

FIT = f"{LIBRARY}.inference.fit"


def posterior_version(table: str, spec: ModelSpec, lift_tests: Evidence | None = None) -> str:
    """The version of the posterior that a fit would give, 16 hexadecimal digits.

    Args:
        table: fingerprint of the checked table.
        lift_tests: what calibrates the fit. Approved tests make another version; what is set aside makes none.
    """
    return _version(table, spec.spec_hash, spec.fit.seed, fit_source(spec), lift_tests)


def version_of(tree: WithAttributes) -> str:
    """The version of a posterior that is there, from what it says of itself."""
    attrs = tree.attrs
    return _version(
        str(attrs["table"]),
        str(attrs["spec_hash"]),
        int(attrs["seed"]),
        str(attrs["source"]),
        calibrated_by(tree),
    )


def _version(table: str, spec: str, seed: int, source: str, lift_tests: Evidence | None) -> str:
    parts: dict[str, str | int] = {"table": table, "spec": spec, "seed": seed, "source": source}
    if lift_tests is not None and lift_tests.tests:
        parts["lift_tests"] = lift_tests.version
    return hashlib.sha256(dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def fit_source(spec: ModelSpec) -> str:
    """Hash of the source that computes a specification's posterior, as this process began with it."""
    modules: set[str] = {FIT, engine_module(spec.fit.engine)}
    files: dict[str, bytes] = {}
    for name in spec.extensions:
        found = extension(name)
        files.update(found.files)
        modules |= {module for module in found.imports if is_module(module)}
    return source_hash(modules, files)


def source_remark(tree: xr.DataTree, file: str) -> str:
    """That a posterior was fitted by other source than would fit it now; "" where it is the same.

    It can be read, and its draws are what they were; what is worked out from them is worked out by this source.
    """
    now = fit_source(spec_of(tree))
    if str(tree.attrs["source"]) == now:
        return ""
    here = f"carryover {package_version('carryover')}, source {now}"
    return f"{file} was written by {written_by(tree)}; this is {here}: fit again where the two may differ"
