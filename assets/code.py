"""Code versions: a hash of the source behind an asset, so that the UI calls it outdated when that changed.

The source is the asset's own module and, of `mmm_core`, the modules that compute it with all that they import: a
change in a plot does not call a posterior outdated, a change in the model does.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def code_version(asset_module: str, *computed_by: str, files: Iterable[Path] = ()) -> str:
    """Version of the asset that a module defines.

    Args:
        asset_module: its `__name__`.
        computed_by: modules of `mmm_core`, such as "effects.roi".
        files: further source that no import leads to.

    Raises:
        ValueError: `mmm_core` has no such module.
    """
    from mmm_core.source import source_hash

    digest = hashlib.sha256()
    for file in (Path(str(sys.modules[asset_module].__file__)), *files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(source_hash(f"mmm_core.{module}" for module in computed_by).encode())
    return digest.hexdigest()[:16]


def engine_modules() -> list[str]:
    """Where the engines are, in the form of `computed_by`: which of them computes is for each specification to say."""
    from mmm_core.inference.engines import ENGINES

    return [engine.module.removeprefix("mmm_core.") for engine in ENGINES.values()]
