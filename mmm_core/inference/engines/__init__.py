"""Engines: ways from a prepared model to its posterior, behind one protocol.

An engine is the function `run` of the module that `ENGINES` names; it is imported when a specification asks for it.
Whatever the engine, the result has the canonical variables of `mmm_core.posterior.schema`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mmm_core.errors import InputError, listed, nearest

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.inference.hmc.state import Progress
    from mmm_core.model.prepare import PreparedModel


class RegisteredEngine(NamedTuple):
    """An engine by name.

    Attributes:
        module: holds its function `run`.
        approximate: what is approximate about its answer, "" where nothing is.
        likelihood_terms: whether it samples from likelihood terms beside that of the KPI; others are refused there.
        beliefs: whether it reads what is believed of effects; lift tests as priors are refused where it does not.
        any_weeks: whether it samples from arrays that unobserved weeks fill up, see `mmm_core.model.prepare`: its
            compiled programs then serve further weeks.
    """

    module: str
    approximate: str = ""
    likelihood_terms: bool = False
    beliefs: bool = True
    any_weeks: bool = False


ENGINES: dict[str, RegisteredEngine] = {
    "numpyro": RegisteredEngine("mmm_core.inference.engines.hmc", likelihood_terms=True, any_weeks=True),
    "laplace": RegisteredEngine(
        "mmm_core.inference.engines.laplace",
        "normal approximation at the posterior's mode",
        likelihood_terms=True,
        any_weeks=True,
    ),
    "advi": RegisteredEngine(
        "mmm_core.inference.engines.advi",
        "normal approximation fitted by variational inference",
        likelihood_terms=True,
        any_weeks=True,
    ),
    "pymc": RegisteredEngine("mmm_core.inference.engines.pymc.engine"),
    "meridian": RegisteredEngine("mmm_core.inference.engines.meridian.engine"),
    "ridge": RegisteredEngine(
        "mmm_core.inference.engines.ridge.engine",
        "ridge regression with bootstrap intervals, no posterior",
        beliefs=False,
    ),
}


@dataclass(frozen=True)
class FitOptions:
    """How one fit is run, apart from what the specification says.

    Attributes:
        draws: kept draws a chain; the specification's where None.
        progress: told how far the fit is.
        checkpoint: file that the state of a long fit is kept in; one cut short goes on from it.
        warm_start: an earlier posterior of the model, whose points and mass matrix the sampler starts with.
        source: hash of the source that computes the fit; a checkpoint of another source is not gone on from.
    """

    draws: int | None = None
    progress: Callable[[Progress], None] | None = None
    checkpoint: Path | None = None
    warm_start: xr.DataTree | None = None
    source: str = ""


@dataclass(frozen=True)
class EngineResult:
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
    """From a prepared model to draws of its posterior."""

    def __call__(self, prepared: PreparedModel, options: FitOptions) -> EngineResult:
        """Raises InputError where the engine cannot fit what the specification asks for."""


def engine_module(name: str) -> str:
    """The module that computes the posteriors of an engine, with everything that it imports.

    Raises:
        InputError: no engine has this name.
    """
    if name not in ENGINES:
        raise InputError(f"fit.engine: unknown '{name}': {nearest(name, ENGINES)}")
    return ENGINES[name].module


def engine(name: str) -> Engine:
    """The engine of a name in `ENGINES`; imports its module."""
    return importlib.import_module(engine_module(name)).run


def engine_workspaces(name: str) -> Callable[[PreparedModel, int], dict[str, int]] | None:
    """The function `workspaces` of an engine's module, where it has one: bytes of its working memory by part, for so
    many draws in all. Engines that sample the prepared model have none: theirs follow from the model.
    """
    found: Callable[[PreparedModel, int], dict[str, int]] | None
    found = getattr(importlib.import_module(engine_module(name)), "workspaces", None)
    return found


def refuse_likelihood_terms(model: str, name: str, evidence: Sequence[str]) -> None:
    """Raise InputError where the engine `name` has no place for likelihood terms beside that of the KPI."""
    if evidence and not ENGINES[name].likelihood_terms:
        able = [other for other, registered in ENGINES.items() if registered.likelihood_terms]
        raise InputError(
            f"model {model}: engine {name} has no place for further likelihood terms "
            f"({listed(evidence)}), and would fit as if they were not there: use "
            f"`fit: {{engine: {able[0]}}}` ({', '.join(able[1:])} work too), or leave them out"
            + (
                " (`calibration: {as_roi_prior: all}` takes lift tests as priors)"
                if ENGINES[name].beliefs
                else ""
            )
        )


def refuse_beliefs(model: str, name: str, tests: Sequence[str]) -> None:
    """Raise InputError where lift tests are to be priors and the engine `name` has none of effects."""
    if tests and not ENGINES[name].beliefs:
        able = [other for other, registered in ENGINES.items() if registered.beliefs]
        raise InputError(
            f"model {model}: engine {name} has no priors of effects, and would fit as if lift tests ({listed(tests)}) "
            f"were not there: use one of {', '.join(able)}, or leave them out"
        )
