"""What a registered model is packaged of: the posterior, the source that reads it, and what that requires.

The library's source and the posterior's extension modules travel with the model (`code_paths`), so an environment with
the requirements alone loads it and predicts.
"""

from collections.abc import Iterable
from importlib.metadata import packages_distributions
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import mmm_core

PREDICTOR = Path(__file__).parent / "predictor" / "model.py"
USED = ("posterior.schema", "forecast.predict", "inference.version")
"""Modules of `mmm_core` that the predictor uses; the packages that these import are required."""
NETCDF = ("h5netcdf", "h5py")
"""What xarray reads the posterior with; it imports them by name."""


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
    installed = packages_distributions()
    needed = {distribution for name in imported for distribution in installed.get(name, [])[:1]}
    return [
        f"{distribution}=={package_version(distribution)}" for distribution in sorted(needed, key=str.lower)
    ]
