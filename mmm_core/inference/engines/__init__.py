"""Engines: ways from a model's arrays to its posterior, behind one protocol.

An engine is a function in the module that `ENGINES` names; it is imported when a specification asks for it. Whatever
the engine, the result has the canonical variables of `mmm_core.posterior.schema`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.inference.hmc.sampler import Progress
    from mmm_core.spec.model_spec import ModelSpec


class Source(NamedTuple):
    """Where an engine is, and what is approximate about its answer ("" where nothing is)."""

    module: str
    approximate: str = ""


ENGINES: dict[str, Source] = {
    "numpyro": Source("mmm_core.inference.engines.hmc"),
    "laplace": Source("mmm_core.inference.engines.laplace", "normal approximation at the posterior's mode"),
    "advi": Source("mmm_core.inference.engines.advi", "normal approximation fitted by variational inference"),
    "pymc": Source("mmm_core.inference.engines.pymc.engine"),
    "ridge": Source(
        "mmm_core.inference.engines.ridge.engine", "ridge regression with bootstrap intervals, no posterior"
    ),
}


@dataclass(frozen=True)
class Run:
    """How one fit is run, apart from what the specification says.

    Attributes:
        draws: kept draws a chain; the specification's where None.
        progress: told how far the fit is.
        checkpoint: file that a fit cut short is resumed from.
        warm_start: an earlier posterior of the model, whose points and mass matrix the sampler starts with.
    """

    draws: int | None = None
    progress: Callable[[Progress], None] | None = None
    checkpoint: Path | None = None
    warm_start: xr.DataTree | None = None


@dataclass(frozen=True)
class Posterior:
    """What an engine returns.

    Attributes:
        variables: dimensions after (chain, draw) and values of every posterior variable.
        sample_stats: over (chain, draw), with attributes compile_seconds, sampling_seconds and warmup.
        attrs: further attributes of the posterior file.
        groups: further groups of the posterior file.
    """

    variables: dict[str, tuple[tuple[str, ...], Any]]
    sample_stats: xr.Dataset
    attrs: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, xr.Dataset] = field(default_factory=dict)


class Engine(Protocol):
    """From the arrays of `mmm_core.data.arrays.model_data` and a specification to a posterior."""

    def __call__(self, data: xr.Dataset, spec: ModelSpec, run: Run) -> Posterior:
        """Raises InputError where the engine cannot fit what the specification asks for."""


def engine(name: str) -> Engine:
    """The engine of a name in `ENGINES`."""
    return importlib.import_module(ENGINES[name].module).run
