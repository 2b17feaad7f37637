"""Statistical core of Marketing Mix Modelling: no orchestrator, no warehouse.

What docs/python.md shows is importable from here, whatever module it lies in: `from mmm_core import fit, load_spec`.
Nothing is loaded before it is asked for, so that reading a specification does not import JAX; `mmm_core.public` lists
the names.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lies in, once."""
    modules: dict[str, str] = importlib.import_module("mmm_core.public").MODULES
    if name == "__all__":
        return sorted(modules)
    if name not in modules:
        raise AttributeError(f"module 'mmm_core' has no attribute '{name}'")
    value = getattr(importlib.import_module(modules[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    names: list[str] = __getattr__("__all__")
    return names
