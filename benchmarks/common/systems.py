"""Run a job on one system in a fresh process, and what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.diagnostics import Convergence, convergence
from benchmarks.common.job import Job, read_result, write_job
from mmm_core.errors import InputError
from mmm_core.inference.engines.meridian import environment as meridian

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers"
OURS = "carryover"
SYSTEMS = (OURS, "meridian", "pymc_marketing")
PEER_SCRIPTS = {"meridian": "meridian_fit.py", "pymc_marketing": "pymc_fit.py"}


@dataclass(frozen=True)
class Run:
    """Draws of one fit, and what it cost.

    Attributes:
        result["fit_s"]: from data in memory to draws in hand, compilation included, in a process that has imported all
            it needs; "cpu_s" the processor time of the same span, which tells a busy machine from a slow system.
        process_s: the whole process, imports and the file exchange included.
    """

    system: str
    draws: dict[str, np.ndarray]
    result: dict[str, Any]
    process_s: float
    convergence: Convergence

    @property
    def fit_s(self) -> float:
        return float(self.result["fit_s"])

    @property
    def min_ess_per_s(self) -> float:
        return self.convergence.ess_bulk_min / self.fit_s

    def figures(self) -> dict[str, Any]:
        """What a benchmark reports of a run."""
        found = self.convergence
        return {
            "fit_s": self.fit_s,
            "fit_with_imports_s": self.fit_s + self.result["import_s"],
            "ess_bulk_min": found.ess_bulk_min,
            "ess_bulk_min_at": found.ess_bulk_min_at,
            "min_ess_per_s": self.min_ess_per_s,
            "rhat_max": found.rhat_max,
            "rhat_max_at": found.rhat_max_at,
            "quantities": found.quantities,
            "roi_mean": [float(x) for x in self.draws["roi"].mean((0, 1))],
            **{k: v for k, v in self.result.items() if k not in ("fit_s", "import_s") and v is not None},
        }

    def line(self) -> str:
        """One readable line."""
        found = self.convergence
        return (
            f"{self.system:15s} {self.fit_s:8.2f} s   min bulk ESS {found.ess_bulk_min:7.0f} ({found.ess_bulk_min_at})"
            f"   {self.min_ess_per_s:8.1f} a second   R-hat {found.rhat_max:.3f}"
            f"   {self.result['divergences']} divergences"
        )


def run(system: str, job: Job, table: pd.DataFrame, cache: Path | None = None, **environment: str) -> Run:
    """Fit in a fresh process. `cache` is a folder of compiled programs to use and fill; None starts with none.

    Raises:
        SystemExit: the system is not installed, or its process failed; the message holds the end of its log.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_job(folder, job, table)
        compiled = cache or folder / "compiled"
        compiled.mkdir(exist_ok=True)
        started = time.perf_counter()
        ran = subprocess.run(
            [*_command(system), str(folder)],
            env=_environment(system, compiled, cache is not None) | environment,
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        process_s = time.perf_counter() - started
        if ran.returncode:
            raise SystemExit(f"{system} failed:\n{ran.stderr[-4000:]}")
        draws, result = read_result(folder)
        # PyMC keeps a twin of a bounded parameter on the unbounded scale
        draws = {name: values for name, values in draws.items() if not name.endswith("__")}
    return Run(system, draws, result, process_s, convergence(draws))


def _command(system: str) -> list[str]:
    if system == OURS:
        return [sys.executable, "-m", "benchmarks.common.ours_fit"]
    return [str(peer_python(system)), str(ROOT / "benchmarks" / "peers" / PEER_SCRIPTS[system])]


def peer_python(system: str) -> Path:
    """Interpreter of a peer's environment; that of Meridian is the engine's.

    Raises:
        SystemExit: the peer is not installed; the message says how to.
    """
    if system == "meridian":
        try:
            return meridian.python()
        except InputError as error:
            raise SystemExit(str(error)) from None
    python = PEERS / system / "bin" / "python"
    if not python.is_file():
        raise SystemExit(
            f"{system} is not installed: run `make {python.parent.parent.relative_to(ROOT)}/.ready`."
        )
    return python


def peer_lock(system: str) -> Path:
    """What is installed in a peer's environment."""
    return meridian.LOCK if system == "meridian" else ROOT / "benchmarks" / "peers" / f"{system}.lock"


def _environment(system: str, compiled: Path, keep: bool) -> dict[str, str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    if system == OURS:
        return variables | {"MMM_COMPILATION_CACHE": str(compiled)}
    if system == "meridian":
        kept = {"JAX_COMPILATION_CACHE_DIR": str(compiled), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        return variables | (kept if keep else {})
    return variables | {
        "PYTENSOR_FLAGS": f"base_compiledir={compiled}",
        "NUMBA_CACHE_DIR": str(compiled / "numba"),
    }
