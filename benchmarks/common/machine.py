"""What a figure was measured on and with, and how a benchmark ends."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmm_core.json_text import dumps

OURS = ("carryover", "jax", "numpyro", "numpy")


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory, system, Python, and how busy it was just now."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        memory = None
    return {
        "cpu": model,
        "cores": cores,
        "memory_gib": memory,
        "system": platform.system(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def finish(benchmark: str, started_with: dict[str, Any], **figures: Any) -> None:
    """Print the last line of a benchmark: one JSON object."""
    print(
        dumps(
            {
                "benchmark": benchmark,
                "date": datetime.now(UTC).date().isoformat(),
                "machine": started_with,
                "versions": {name: version(name) for name in OURS},
                **figures,
            }
        )
    )


def rounded(value: Any, digits: int = 4) -> Any:
    """The same with every float cut to so many significant digits."""
    if isinstance(value, dict):
        return {key: rounded(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner, digits) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    return value
