"""Hamiltonian Monte Carlo for a NumPyro model, laid out for speed.

The compiled program (`mmm_core.inference.hmc.program`) advances every chain by a block of iterations. Between blocks,
in plain NumPy: the warm-up learns (`mmm_core.inference.hmc.adaptation`), progress is told, the state is saved
(`mmm_core.inference.hmc.checkpoint`), and a start that leads nowhere is drawn again, or refused
(`mmm_core.inference.hmc.starts`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.inference.hmc.adaptation import Adaptation, Stage
from mmm_core.inference.hmc.checkpoint import (
    Checkpoint,
    UnusableCheckpoint,
    joined,
    load_checkpoint,
    put_aside,
    save_checkpoint,
)
from mmm_core.inference.hmc.program import Control, Noise, NumpyroModel, Programs, compiled
from mmm_core.inference.hmc.rhat import RunningRhat
from mmm_core.inference.hmc.starts import (
    REDRAWS,
    continues,
    first_points,
    refuse_stuck_chains,
    replaced,
    stuck_chains,
)
from mmm_core.inference.hmc.state import BLOCK, Progress, Schedule, Start, Trace

# Trajectories vary by this factor, the same for all chains, so that chains that share a device finish together and no
# periodic orbit is ever followed for ever (Hoffman, Radul and Sountsov 2021).
JITTER = (0.7, 1.3)

# Seconds between two checkpoints.
CHECKPOINT_SECONDS = 10.0

Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Samples:
    """A finished run.

    Attributes:
        trace: draws on the unconstrained scale with the sampler's statistics.
        to_sites: from the position of a draw to constrained values by site.
        end: where the run ended, for a warm start of the next.
        warmup: iterations that the warm-up took, a chain.
        warmup_steps: its leapfrog steps, each one gradient, over all chains.
        compile_seconds, sampling_seconds: the split of the run's time.
    """

    trace: Trace
    to_sites: Callable[[jax.Array], dict[str, jax.Array]]
    end: Start
    warmup: int
    warmup_steps: int
    compile_seconds: float
    sampling_seconds: float


def sample(
    model: NumpyroModel,
    arrays: Any,
    schedule: Schedule,
    seed: int,
    progress: Tell | None = None,
    start: Start | None = None,
    checkpoint: Path | None = None,
    identity: str = "",
    spread: Any = None,
    programs: Programs | None = None,
) -> Samples:
    """Draw from the posterior of `model(arrays)`.

    Args:
        model: a NumPyro model of one pytree of arrays.
        arrays: its numbers, passed to the compiled program as arguments.
        schedule: chains, iterations, devices.
        seed: same seed, same machine kind, same draws.
        progress: called between blocks.
        start: the end of an earlier run; only first points, mass matrix and step size are taken from it.
        checkpoint: file that the run's state is kept in. A run with the same `identity` goes on from it and gives the
            draws of one that was never cut short; a file that is damaged or of another run is put aside. It stays when
            the run is done, and is the caller's to delete once the draws are safe.
        identity: of model, data and schedule.
        spread: a PartitionSpec for each of the arrays, with "geo" for the axis that is spread over devices.
        programs: where they are compiled already.

    Raises:
        InputError: no finite density where a chain starts, or none anywhere around.
    """
    started = time.perf_counter()

    def tell(phase: str, done: int, total: int, divergences: int = 0, **more: Any) -> None:
        if progress is not None:
            progress(Progress(phase, done, total, divergences, time.perf_counter() - started, **more))

    if programs is None:
        tell("compiling", 0, schedule.warmup + schedule.draws)
        programs = compiled(model, arrays, schedule, spread)
    compile_seconds = time.perf_counter() - started
    arrays = jax.device_put(arrays, programs.array_shardings)

    saver = _Saver(checkpoint, identity)
    run, remark = saver.resume()
    if remark:
        tell("preparing", 0, 0, message=remark)
    if run is None:
        adaptation = Adaptation.begin(schedule.warmup, programs.dense, programs.size, start)
        run = Checkpoint(0, first_points(programs, arrays, schedule, seed, start), adaptation)
    divergences = sum(int(part.diverging.sum()) for part in run.kept)
    rhat, redraws, sampling = RunningRhat(), 0, -(-schedule.draws // BLOCK)
    while run.block < run.adaptation.blocks + sampling:
        warming = run.block < run.adaptation.blocks
        after, trace = _advance(run, programs, arrays, schedule, seed)
        if warming and len(stuck := stuck_chains(trace, run.adaptation.metric)):
            if run.block or redraws == REDRAWS or continues(programs, start):
                refuse_stuck_chains(after.chains, stuck, programs.names)
            redraws += 1
            again = first_points(programs, arrays, schedule, seed, start, redraws)
            run = replace(run, chains=replaced(run.chains, stuck, again))
            continue
        run = after
        if not warming:
            divergences += int(trace.diverging.sum())
        total = run.adaptation.iterations + schedule.draws
        tell(
            "warm-up" if warming else "sampling",
            min(run.adaptation.done(run.block), total),
            total,
            divergences,
            step_size=run.adaptation.step_size,
            acceptance=float(trace.acceptance_rate.mean()),
            rhat=float("nan") if warming else rhat.after(trace.position),
        )
        if fault := saver.save(run, finished=run.block == run.adaptation.blocks + sampling):
            tell("warm-up" if warming else "sampling", 0, 0, message=fault)
    draws = Trace(*(field[:, : schedule.draws] for field in joined(run.kept)))
    end = Start(np.asarray(run.chains.position), run.adaptation.metric, run.adaptation.step_size)
    sampling_seconds = time.perf_counter() - started - compile_seconds
    warmup, steps = run.adaptation.iterations, run.adaptation.steps
    return Samples(draws, programs.to_sites, end, warmup, steps, compile_seconds, sampling_seconds)


def sample_stats(samples: Samples) -> xr.Dataset:
    """The sampler's statistics of every draw."""
    trace = samples.trace
    chains, draws = trace.diverging.shape
    fields = {name: (("chain", "draw"), getattr(trace, name)) for name in trace._fields if name != "position"}
    return xr.Dataset(
        fields,
        coords={"chain": np.arange(chains), "draw": np.arange(draws)},
        attrs={
            "compile_seconds": samples.compile_seconds,
            "sampling_seconds": samples.sampling_seconds,
            "warmup": samples.warmup,
            "warmup_steps": samples.warmup_steps,
            "step_size": samples.end.step_size,
        },
    )


def _advance(
    run: Checkpoint, programs: Programs, arrays: Any, schedule: Schedule, seed: int
) -> tuple[Checkpoint, Trace]:
    """One more block, and what was drawn in it."""
    block, adaptation = run.block, run.adaptation
    warming = block < adaptation.blocks
    root, scale = adaptation.metric.roots()
    log_step = np.full(schedule.chains, np.log(adaptation.step_size))
    control = Control(root, scale, schedule.target_accept, warming, log_step, adaptation.centre)
    stage = adaptation.stage(block)
    noise = _noise(seed, block, schedule, programs.size, stage)
    chains, *drawn, log_step = programs.advance(arrays, *_numbers((run.chains, control, noise)))
    trace, gradient = jax.tree.map(lambda values: np.asarray(values)[:, : stage.iterations], drawn)
    if warming:
        adaptation = adaptation.after(block, trace, gradient, np.asarray(log_step))
        return replace(run, block=block + 1, chains=chains, adaptation=adaptation), trace
    return replace(run, block=block + 1, chains=chains, kept=(*run.kept, trace)), trace


class _Saver:
    """Keeps a run's state in a file, now and then; does nothing without one."""

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path, self._identity = path, identity
        self._begun = self._last = time.perf_counter()
        self._faulty = False

    def resume(self) -> tuple[Checkpoint | None, str]:
        """The state to go on from, if there is one, and a remark on it or on why it cannot be used."""
        if self._path is None:
            return None, ""
        try:
            saved = load_checkpoint(self._path, self._identity)
        except UnusableCheckpoint as fault:
            aside = put_aside(self._path)
            return (
                None,
                f"the checkpoint {self._path} {fault}: put aside as {aside.name}, the fit starts again",
            )
        if saved is None:
            return None, ""
        return saved, f"going on from the checkpoint at iteration {saved.adaptation.done(saved.block):,}"

    def save(self, run: Checkpoint, finished: bool) -> str:
        """Write the state if it is time to; a finished run's if it took long enough to be worth it.

        Returns:
            Why it could not be written, once: a full disk must not end a fit that needs no disk.
        """
        since = self._begun if finished else self._last
        if self._path is None or time.perf_counter() - since <= CHECKPOINT_SECONDS:
            return ""
        try:
            save_checkpoint(self._path, self._identity, run)
        except OSError as error:
            told, self._faulty = self._faulty, True
            self._last = time.perf_counter()
            return "" if told else f"the checkpoint cannot be written ({error}): the fit goes on without"
        self._last = time.perf_counter()
        return ""


def _numbers(tree: Any) -> Any:
    """What comes from the host, in the precision of the program."""
    number = jnp.zeros(()).dtype

    def cast(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        values = np.asarray(leaf)
        return values if values.dtype == bool else values.astype(number)

    return jax.tree.map(cast, tree)


def _noise(seed: int, block: int, schedule: Schedule, size: int, stage: Stage) -> Noise:
    """The block's random numbers; they come from the host, one stream a chain and block, so that a run can go on from
    any block. A block that is shorter than the program's stands still after its last iteration.
    """
    streams = [np.random.default_rng([seed, 2, chain, block]) for chain in range(schedule.chains)]
    momenta = np.stack([stream.standard_normal((BLOCK, size)) for stream in streams])
    log_uniforms = np.log(np.stack([stream.random(BLOCK) for stream in streams]))
    jitter = JITTER[0] + (JITTER[1] - JITTER[0]) * _van_der_corput(block * BLOCK, BLOCK)
    evaluate = np.zeros(BLOCK, dtype=bool)
    evaluate[0] = block == 0
    most_steps = np.where(np.arange(BLOCK) < stage.iterations, stage.most_steps, 0)
    return Noise(momenta, log_uniforms, jitter, evaluate, most_steps)


def _van_der_corput(first: int, count: int) -> np.ndarray:
    """Numbers first..first + count - 1 of the base 2 sequence in (0, 1), which fills it evenly."""
    index = np.arange(first + 1, first + count + 1)
    out, weight = np.zeros(count), 0.5
    while index.any():
        out += weight * (index & 1)
        index, weight = index >> 1, weight / 2
    return out
