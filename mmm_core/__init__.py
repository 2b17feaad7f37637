"""Statistical core of Marketing Mix Modelling: no orchestrator, no warehouse.

What docs/python.md shows is importable from here, whatever module it lies in: `from mmm_core import fit, load_spec`.
Nothing is loaded before it is asked for, so that reading a specification does not import JAX.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES: dict[str, str] = {
    "errors": "InputError SpecError",
    "spec.model_spec": "ModelSpec load_spec parse_spec",
    "transforms.registry": "parameter",
    "transforms.adstock": "ADSTOCKS",
    "transforms.saturation": "SATURATIONS",
    "data.table": "check_table fingerprint read_table",
    "inference.fit": "fit",
    "posterior.schema": "load_posterior save_posterior",
    "effects.contributions": "contributions",
    "effects.curves": "response_curves",
    "effects.decay": "decay_table half_life_table",
    "effects.incremental": "incremental incremental_table",
    "effects.roi": "roi_draws roi_table",
    "forecast.predict": "predict",
    "forecast.predictive": "posterior_predictive prior_predictive prior_words",
    "forecast.backtest": "backtest",
    "budget.allocation": "allocate",
    "diagnostics.identifiability": "identify",
    "diagnostics.loo": "compare loo",
    "diagnostics.placebo": "placebo",
    "diagnostics.sensitivity": "sensitivity",
    "diagnostics.summary": "summary",
}
_MODULES = {name: f"mmm_core.{module}" for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lies in, once."""
    if name not in _MODULES:
        raise AttributeError(f"module 'mmm_core' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
