"""What a registered model is packaged of: the posterior, the source that reads it, and what that requires.

The library's source and the posterior's extension modules travel with the model (`code_paths`), so an environment with
the requirements alone loads it and predicts.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, distributions
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import mmm_core

PREDICTOR = Path(__file__).parent / "predictor" / "model.py"
USED = ("posterior.schema", "forecast.predict", "inference.version")
"""Modules of `mmm_core` that the predictor uses; the packages that these import are required."""
NETCDF = ("h5netcdf", "h5py")
"""What xarray reads the posterior with; it imports them by name."""
FIRST_NAME = re.compile(r"[^/.]*")
"""Of a file's path: the package or module it belongs to."""


def package(posterior: Path, extensions: Iterable[str]) -> dict[str, Any]:
    """Arguments of `mlflow.pyfunc.log_model` for a posterior's file and the extension modules it was fitted with."""
    from mmm_core.spec.extensions import extensions_folder

    extensions, kept = tuple(extensions), extensions_folder(posterior)
    beside = sorted(kept.iterdir()) if extensions else []
    return {
        "python_model": str(PREDICTOR),
        "artifacts": {"posterior": str(posterior)},
        "code_paths": [str(Path(mmm_core.__file__).parent), *map(str, beside)],
        "pip_requirements": requirements(extensions),
    }


def requirements(extensions: Iterable[str]) -> list[str]:
    """Pinned distributions of all that the predictor and some extension modules import; MLflow adds itself."""
    from mmm_core.source import LIBRARY, outside_packages
    from mmm_core.spec.extensions import extension

    imported = {*outside_packages(f"{LIBRARY}.{module}" for module in USED), *NETCDF}
    for name in extensions:
        imported |= {module.partition(".")[0] for module in extension(name).imports} - {LIBRARY}
    needed = {name for name in map(distribution_of, imported) if name}
    return [
        f"{distribution}=={package_version(distribution)}" for distribution in sorted(needed, key=str.lower)
    ]


def distribution_of(package: str) -> str | None:
    """Name of the distribution that installed a package, the first of several; None of what none did.

    `importlib.metadata.packages_distributions` answers the same, and looks for every file of every distribution first.
    """
    found = _installed().get(package)
    return found.name if found else None


@cache
def _installed() -> dict[str, Distribution]:
    """The distributions by the packages and modules that their RECORD names."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        files = (line.partition(",")[0] for line in (distribution.read_text("RECORD") or "").splitlines())
        for name in {FIRST_NAME.match(file)[0] for file in files if not file.startswith(".")}:
            found.setdefault(name, distribution)
    return found
