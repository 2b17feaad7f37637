"""Where the computation runs: precision, one host device a chain, and the compilation cache."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_LOG = logging.getLogger(__name__)


def configure(chains: int, precision: str = "float64") -> int:
    """Prepare JAX for `chains` parallel chains; call before anything else computes.

    On a CPU every chain gets a host device of its own: chains on separate devices do not wait for each other's longest
    trajectory. If JAX has already started with fewer devices, chains share them.

    Returns:
        The number of devices the chains are laid out on.
    """
    import jax

    if precision == "auto":
        precision = "float64" if jax.default_backend() == "cpu" else "float32"
    jax.config.update("jax_enable_x64", precision == "float64")
    cache = compilation_cache()
    if cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    try:
        jax.config.update("jax_num_cpu_devices", chains)
    except RuntimeError:
        _LOG.info("JAX is already running with %d devices", jax.device_count())
    available = jax.device_count()
    return max(n for n in range(1, min(chains, available) + 1) if chains % n == 0)


def compilation_cache() -> Path | None:
    """Folder of compiled programs: MMM_COMPILATION_CACHE, or the user's cache folder; None when set to empty."""
    chosen = os.environ.get("MMM_COMPILATION_CACHE")
    if chosen == "":
        return None
    if chosen is not None:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "carryover" / "jax"
