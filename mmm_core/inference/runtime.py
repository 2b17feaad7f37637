"""Where the computation runs: precision, devices and the compilation cache."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from mmm_core.devices import host_devices, made_for_chains


class Devices(NamedTuple):
    """Over how many devices the chains are spread, and over how many the geos of each chain."""

    chains: int = 1
    geos: int = 1


def configure(chains: int, precision: str = "auto", layout: str = "auto", geos: int = 1) -> Devices:
    """Prepare JAX for `chains` parallel chains; call before anything else computes.

    Args:
        precision: float64, float32, or auto: float64 on a CPU, float32 on a GPU.
        layout: `devices` spreads the chains over devices: they do not wait for each other. On a CPU every chain gets a
            host device of its own, unless JAX has already started with fewer. `vectorized` runs all of them as one
            program on one device. auto: `devices` on a CPU and on several GPUs, `vectorized` on one GPU. Where there
            are several times as many devices as chains, the geos of a panel are spread over them too, but not over
            host devices that were made here for chains.
    """
    import jax

    keep_programs(compilation_cache())
    host_devices(chains)
    if precision == "auto":
        precision = "float64" if jax.default_backend() == "cpu" else "float32"
    jax.config.update("jax_enable_x64", precision == "float64")
    if layout == "vectorized":
        return Devices()
    over = largest_divisor(chains, jax.device_count())
    if made_for_chains():
        return Devices(over)
    return Devices(over, largest_divisor(geos, jax.device_count() // over))


def keep_programs(folder: Path | None) -> None:
    """Keep compiled programs in a folder and take them from there; call before anything compiles. None: keep none."""
    import jax

    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Let garbage collection look at new objects only.

    Tracing sets several collections off, and each would walk every object of the libraries that are imported. What is
    alive at the start is spared until the end, unless somebody else froze objects already.
    """
    frozen = gc.get_freeze_count() > 0
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


def largest_divisor(parts: int, devices: int) -> int:
    """The most devices, of those there are, over which so many parts can be spread evenly."""
    return max(n for n in range(1, min(parts, devices) + 1) if parts % n == 0)


def compilation_cache() -> Path | None:
    """Folder of compiled programs: MMM_COMPILATION_CACHE, or the user's cache folder; None when set to empty."""
    chosen = os.environ.get("MMM_COMPILATION_CACHE")
    if chosen is None:
        return user_cache_path("carryover", appauthor=False) / "jax"
    return Path(chosen) if chosen else None
