"""Memory that a fit will take, worked out before it starts, and refused where it is not there.

Nothing here knows the shape of an array. The sizes are those of the prepared arrays themselves, and of what tracing the
model and the program of the posterior variables says they produce, which computes nothing. Draws x geos x weeks x
channels at once is no part of it: nothing holds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.inference.available import available_memory
from mmm_core.inference.engines import engine_workspaces
from mmm_core.inference.sites import sample_sites
from mmm_core.inference.variables import chunk_size, factorises, trace_variables
from mmm_core.model.media import MediaLayout
from mmm_core.model.prepare import PreparedModel
from mmm_core.spec.fit_spec import LEAST_DRAWS
from mmm_core.spec.model_spec import ModelSpec

MIB = 2**20

# Measured: interpreter, JAX, NumPyro and xarray loaded, and the compiler at work on the engine's programs; for
# `meridian` with the process that it starts.
LIBRARIES = {
    "numpyro": 600 * MIB,
    "laplace": 800 * MIB,
    "advi": 1200 * MIB,
    "meridian": 1900 * MIB,
    "ridge": 350 * MIB,
}
OTHER_LIBRARIES = 800 * MIB

# Densities that are evaluated at once, where it is not one a chain.
DENSITIES_AT_ONCE = {"laplace": 16, "advi": 8}

# A compiler that fuses operations holds this share of what a program produces on its way: the most that was measured
# over national and panel models, normal and heavy-tailed, of a density with its gradient, and of a draw's variables.
HELD_BY_GRADIENT, HELD_BY_VARIABLES = 1 / 3, 1 / 6

# A container may fill this share of what is free; the rest is the system's and the estimate's error.
USABLE = 0.9

_ANALYSIS = 4_000_000  # numbers a chunk of draws holds in the analysis, with what is worked out from it

WORKSPACES = ("gradients", "integrated draws", "candidates", "replicates", "analysis")
"""Parts that are given back before the next begins."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes a fit will take at its peak.

    Attributes:
        parts: bytes by what they hold.
        available: bytes that may be used, None where the system does not say.
        remedies: what to change, by part.
    """

    parts: dict[str, int]
    available: int | None
    remedies: dict[str, str]

    @property
    def total(self) -> int:
        """What is held throughout, and the largest of the workspaces, which follow one another."""
        held = sum(size for name, size in self.parts.items() if name not in WORKSPACES)
        return held + max((self.parts[name] for name in WORKSPACES if name in self.parts), default=0)

    @property
    def is_available(self) -> bool:
        """Whether there is enough for it."""
        return self.available is None or self.total <= USABLE * self.available

    @property
    def largest(self) -> str:
        """The part that takes most, of those the specification can change."""
        return max((name for name in self.parts if name in self.remedies), key=lambda name: self.parts[name])

    @property
    def words(self) -> str:
        """One line: the total, its parts, and what is available."""
        parts = ", ".join(f"{name} {_size(size)}" for name, size in self.parts.items())
        there = "unknown" if self.available is None else _size(self.available)
        return f"memory: about {_size(self.total)} at the peak ({parts}); available {there}"


def check_memory(prepared: PreparedModel, draws: int | None = None, root: Path = Path("/")) -> MemoryEstimate:
    """What a fit will take, where there is enough for it.

    Args:
        draws: kept draws a chain; the specification's where None.
        root: where `proc` and `sys` are.

    Raises:
        InputError: there is not enough memory; the message names the largest part and what to do.
    """
    estimate = estimate_memory(prepared, draws, root)
    _refuse_too_large(estimate, prepared.spec, _draws_that_fit(estimate, prepared, draws, root))
    return estimate


def check_array_memory(data: xr.Dataset, spec: ModelSpec, root: Path = Path("/")) -> None:
    """Refuse a table whose prepared arrays alone there is no room for: asked before `prepare` builds them.

    By far the largest of them is the media of every lag, side by side. What a fit holds beside them is
    `check_memory`'s to say, which knows the model.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`.
        root: where `proc` and `sys` are.

    Raises:
        InputError: as `check_memory`.
    """
    layout = MediaLayout.of(spec)
    carried = len(layout.saturated_first) - sum(layout.saturated_first)
    lagged = 8 * layout.lags * carried * data.sizes["geo"] * data.sizes["week"]
    parts = {"libraries": LIBRARIES.get(spec.fit.engine, OTHER_LIBRARIES), "data": int(data.nbytes) + lagged}
    _refuse_too_large(MemoryEstimate(parts, available_memory(root), _remedies(spec)), spec)


def estimate_memory(
    prepared: PreparedModel, draws: int | None = None, root: Path = Path("/")
) -> MemoryEstimate:
    """What a fit will take, whether or not there is enough; see `check_memory`."""
    data, spec = prepared.data, prepared.spec
    engine, chains = spec.fit.engine, 1 if spec.fit.engine == "ridge" else spec.fit.chains
    kept = chains * (draws or spec.fit.draws)
    number = 4 if spec.fit.precision == "float32" and engine != "ridge" else 8
    variables = trace_variables(prepared)
    variable_numbers = sum(_numbers(value) for value in variables.out_avals)
    arrays = sum(np.size(array) for array in jax.tree.leaves(prepared.arrays))
    parts: dict[str, float] = {
        "libraries": LIBRARIES.get(engine, OTHER_LIBRARIES),
        # as read, as given to the program, and a copy for every chain's device
        "data": data.nbytes + number * arrays * (1 + (chains if engine == "numpyro" else 1)),
    }
    workspaces = engine_workspaces(engine)
    if workspaces is not None:
        parts |= workspaces(prepared, kept)
    else:
        sampled, density = _trace_density(prepared)
        at_once, chunk = DENSITIES_AT_ONCE.get(engine, chains), chunk_size(prepared)
        worked_out = 1 if factorises(prepared) else chunk  # as on a CPU: what a GPU holds is not counted here
        parts["gradients"] = number * HELD_BY_GRADIENT * density * at_once
        parts["kept draws"] = number * 4 * kept * sampled
        parts["integrated draws"] = number * (
            HELD_BY_VARIABLES * _produced(variables.jaxpr) * worked_out + chunk * variable_numbers
        )
    parts["posterior variables"] = 8 * 2 * kept * variable_numbers
    # a decomposition keeps every draw's weekly components, geos summed, in single precision, and sorts a copy
    components = data.sizes["channel"] + data.sizes["term"] + 2
    parts["analysis"] = 4 * 2 * kept * data.sizes["week"] * components + 8 * 3 * _ANALYSIS
    whole = {name: int(size) for name, size in parts.items()}
    return MemoryEstimate(whole, available_memory(root), _remedies(spec))


def _refuse_too_large(estimate: MemoryEstimate, spec: ModelSpec, draws_that_fit: int = 0) -> None:
    """Raise InputError where there is not enough memory, with the part to make smaller."""
    if not estimate.is_available:
        fewer = f". {draws_that_fit:,} draws a chain would fit" if draws_that_fit else ""
        raise InputError(
            f"model {spec.model}: {estimate.words}. Most of it is {estimate.largest}: "
            f"{estimate.remedies[estimate.largest]}{fewer}"
        )


def _draws_that_fit(estimate: MemoryEstimate, prepared: PreparedModel, draws: int | None, root: Path) -> int:
    """Draws a chain, in hundreds, for which there is room where there is none for as many as asked; 0 where for none.

    The peak grows at most linearly from a few draws to many (the largest workspace may change on the way, to one that
    grows faster), so a straight line between the two is never below it.
    """
    asked, few = draws or prepared.spec.fit.draws, LEAST_DRAWS
    if estimate.available is None or estimate.is_available or asked <= few:
        return 0
    least = estimate_memory(prepared, few, root)
    room = USABLE * estimate.available - least.total
    if room < 0:
        return 0
    return int(few + (asked - few) * room / (estimate.total - least.total)) // 100 * 100


def _trace_density(prepared: PreparedModel) -> tuple[int, int]:
    """Numbers that the model samples, and numbers that it produces on the way to its log density."""
    sampled = 0

    def density(arrays: Any) -> None:
        nonlocal sampled
        sites = sample_sites(prepared.model, arrays)
        sampled = sum(int(np.prod(distribution.shape())) for distribution in sites.values())

    traced = jax.make_jaxpr(density)(prepared.arrays)
    return sampled, _produced(traced.jaxpr)


def _produced(jaxpr: Any) -> int:
    """Numbers that the operations of a traced program produce, those of the programs it calls included."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [_produced(called) for called in _called(equation)]
        total += max(inner) if inner else sum(_numbers(variable.aval) for variable in equation.outvars)
    return total


def _called(equation: Any) -> Iterator[Any]:
    """The programs among the parameters of an operation."""
    for value in jax.tree.leaves(list(equation.params.values())):
        program = getattr(value, "jaxpr", value)
        if hasattr(program, "eqns"):
            yield program


def _numbers(value: Any) -> int:
    return int(np.prod(value.shape))


def _remedies(spec: ModelSpec) -> dict[str, str]:
    float32 = "" if spec.fit.precision == "float32" else ", or `fit: {precision: float32}`"
    fewer = "ask for fewer draws a chain (`fit: draws`)"
    pooled = spec.geo is not None and spec.geo.pooling != "complete"
    panel = "`geo: {pooling: complete}`, " if pooled else ""
    return {
        "data": f"a shorter `time:` window, shorter lags (`l_max`), geos summed{float32}",
        "gradients": f"{panel}fewer chains at a time (`fit: chains`), a shorter `time:` window{float32}",
        "kept draws": fewer + float32,
        "integrated draws": f"{panel}{'`likelihood: normal`, ' if spec.student_t else ''}a shorter `time:` window"
        + float32,
        "posterior variables": f"{fewer}, fewer geos or terms",
        "candidates": "a shorter `time:` window or geos summed",
        "replicates": fewer,
        "analysis": fewer,
    }


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / MIB:.0f} MiB"
