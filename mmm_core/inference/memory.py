"""Memory that a fit will take, worked out before it starts, and refused where it is not there.

What a fit holds is arrays whose shapes follow from the specification and the table: its data, the workspace of one
gradient for each chain, the draws it keeps, the variables worked out from them, and the chunks in which it and the
analysis after it stream over draws. Draws x geos x weeks x channels at once is no part of it: nothing holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.spec.model_spec import ModelSpec

MIB = 2**20

# Measured: interpreter, JAX, NumPyro and xarray loaded, and the compiler at work on the engine's programs.
LIBRARIES = {"numpyro": 600 * MIB, "laplace": 800 * MIB, "advi": 1200 * MIB, "ridge": 350 * MIB}
OTHER_LIBRARIES = 800 * MIB

# A container may fill this share of what is free; the rest is the system's and the estimate's error.
USABLE = 0.9

_CHUNK = 20_000_000  # numbers a chunk of draws holds, in the fit
_RIDGE = 3_000_000  # numbers that candidates, or a chunk of replicates, hold in the ridge engine
_ANALYSIS = 4_000_000  # the same in the analysis, with what is worked out from it


WORKSPACES = ("gradients", "integrated draws", "candidates", "replicates", "analysis")
"""Parts that are given back before the next begins."""


@dataclass(frozen=True)
class MemoryPlan:
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
        return held + max(self.parts[name] for name in WORKSPACES if name in self.parts)

    @property
    def fits(self) -> bool:
        """Whether it can be had."""
        return self.available is None or self.total <= USABLE * self.available

    @property
    def largest(self) -> str:
        """The part that takes most, of those the specification can change."""
        return max((name for name in self.parts if name in self.remedies), key=lambda name: self.parts[name])

    @property
    def words(self) -> str:
        """One line: the total, its parts, and what there is."""
        parts = ", ".join(f"{name} {_size(size)}" for name, size in self.parts.items())
        there = "unknown" if self.available is None else _size(self.available)
        return f"memory: about {_size(self.total)} at the peak ({parts}); available {there}"


def check_memory(
    data: xr.Dataset, spec: ModelSpec, draws: int | None = None, root: Path = Path("/")
) -> MemoryPlan:
    """The plan of a fit that can be had.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`.
        draws: kept draws a chain; the specification's where None.
        root: where `proc` and `sys` are.

    Raises:
        InputError: there is not enough memory; the message names the largest part and what to do.
    """
    planned = plan(data, spec, draws, root)
    if not planned.fits:
        raise InputError(
            f"model {spec.model}: {planned.words}. Most of it is {planned.largest}: {planned.remedies[planned.largest]}"
        )
    return planned


def plan(data: xr.Dataset, spec: ModelSpec, draws: int | None = None, root: Path = Path("/")) -> MemoryPlan:
    """What a fit of these data will take; see `check_memory`."""
    sizes = _Sizes.of(data, spec, draws)
    engine = spec.fit.engine
    number = 4 if spec.fit.precision == "float32" and engine != "ridge" else 8
    posterior = sizes.kept * sizes.variables
    chunk = min(sizes.kept, max(1, _CHUNK // sizes.streamed))
    parts = {
        "libraries": LIBRARIES.get(engine, OTHER_LIBRARIES),
        # as read, as given to the program, and a copy for every chain's device
        "data": 8 * sizes.table + number * sizes.arrays * (1 + (sizes.chains if engine == "numpyro" else 1)),
    }
    at_once = {"numpyro": sizes.chains, "laplace": 16, "advi": 8}.get(engine, sizes.chains)
    if engine == "ridge":
        candidates = int(np.clip(_RIDGE // (sizes.channels * sizes.cells), 9, 128)) * sizes.channels
        origins = 5 * (candidates**2 + candidates * min(13 * sizes.geos, sizes.cells))
        parts["candidates"] = 8 * (4 * candidates * sizes.cells + origins)
        parts["replicates"] = 8 * 8 * min(_RIDGE, sizes.kept * sizes.cells)
    else:
        parts["gradients"] = number * sizes.gradient * at_once
        parts["kept draws"] = number * 4 * sizes.kept * sizes.sampled
        parts["integrated draws"] = number * (chunk * sizes.drawn + sizes.varying)
    parts["posterior variables"] = 8 * 2 * posterior
    # a decomposition keeps every draw's weekly components, geos summed, in single precision, and sorts a copy
    parts["analysis"] = 4 * 2 * sizes.kept * sizes.weeks * (sizes.components + 2) + 8 * 3 * _ANALYSIS
    return MemoryPlan({name: int(size) for name, size in parts.items()}, available(root), _remedies(spec))


def available(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take: the least that /proc/meminfo and its control groups allow."""
    found = [_meminfo(root / "proc/meminfo"), *_control_groups(root)]
    known = [value for value in found if value is not None]
    return max(0, min(known)) if known else None


@dataclass(frozen=True)
class _Sizes:
    """Counts that a plan is made of: numbers, not bytes."""

    chains: int
    kept: int  # draws in all
    geos: int
    weeks: int
    cells: int  # geo x week
    channels: int
    components: int
    table: int
    lagged: int
    arrays: int
    gradient: int
    sampled: int
    streamed: int  # that the fit counts a chunk of draws by
    drawn: int
    varying: int  # that one draw factorises at a time
    variables: int

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec, draws: int | None) -> _Sizes:
        geos, weeks, terms = (data.sizes[name] for name in ("geo", "week", "term"))
        channels, cells = len(spec.channels), geos * weeks
        partial = spec.geo is not None and spec.geo.pooling == "partial" and geos > 1
        integrated = partial and spec.geo is not None and spec.geo.effects == "normal"
        heavy, slope = spec.student_t is not None, spec.baseline.slope == "random_walk"
        general = integrated or heavy or slope
        chains = 1 if spec.fit.engine == "ridge" else spec.fit.chains
        carried = [not (c.saturation.before_adstock or c.frequency) for c in spec.channel_specs]
        lags = max(channel.adstock.lags for channel in spec.channel_specs) + 1
        lagged = lags * cells * sum(carried) + 2 * cells * (channels - sum(carried))
        square = weeks**2
        block = 2 * cells * terms + geos * terms**2 + square * (2 + 2 * slope)
        # columns that are integrated out anew for every draw
        columns = (channels if integrated else 0) + (terms if heavy else 0)
        varying = 3 * square + 3 * columns * cells if general else 0
        per_geo = geos if spec.geo is not None and spec.geo.pooling == "none" else 1
        knots = sum(
            int(np.ceil(weeks / c.time_varying.every)) + 1 for c in spec.channel_specs if c.time_varying
        )
        shapes = sum(len(names) for names in spec.shape_parameters.values())
        sampled = shapes + channels * per_geo + 4 + len(spec.sampled_treatments) + 2 * knots
        sampled += channels * (partial + (geos if partial and not integrated else 0)) + cells * heavy
        wide = any(c.time_varying for c in spec.channel_specs)
        return cls(
            chains=chains,
            kept=chains * (draws or spec.fit.draws),
            geos=geos,
            weeks=weeks,
            cells=cells,
            channels=channels,
            components=channels + terms,
            table=sum(int(np.prod(values.shape)) for values in data.data_vars.values()),
            lagged=lagged,
            arrays=lagged + block + 4 * cells,
            gradient=12 * channels * cells + (2 * lagged if not all(carried) else 0) + 4 * varying,
            sampled=sampled,
            streamed=lagged + square * general,
            drawn=3 * channels * cells + 2 * cells + weeks * (2 + channels * wide),
            varying=2 * varying,
            variables=(
                len(spec.shape_parameters) * channels + geos * (channels + terms) + weeks * (1 + slope)
                + weeks * channels * wide + 2 * channels + 5
            ),
        )  # fmt: skip


def _remedies(spec: ModelSpec) -> dict[str, str]:
    float32 = "" if spec.fit.precision == "float32" else ", or `fit: {precision: float32}`"
    fewer = f"ask for fewer than {spec.fit.draws} draws a chain (`fit: draws`)"
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


def _meminfo(path: Path) -> int | None:
    """Bytes available to a new program without swapping."""
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_groups(root: Path) -> list[int | None]:
    """What is left of the limits of this process's control groups, version 2 and 1, and of all those above them."""
    found: list[int | None] = []
    membership = root / "proc/self/cgroup"
    lines = membership.read_text().splitlines() if membership.is_file() else ["0::/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit, used = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, used = (
                root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
            )  # fmt: skip
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            folder = base.joinpath(*parts[:depth])
            found.append(_left(folder / limit, folder / used, folder / "memory.stat"))
    return found


def _left(limit: Path, used: Path, stat: Path) -> int | None:
    """Limit less use; file pages that the kernel would give back are not counted as used."""
    most = _number(limit)
    if most is None:
        return None
    reclaimable = 0
    if stat.is_file():
        fields = dict(line.split()[:2] for line in stat.read_text().splitlines() if " " in line)
        reclaimable = int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
    return most - max((_number(used) or 0) - reclaimable, 0)


def _number(path: Path) -> int | None:
    """The number a file holds; None where there is no file, or it says there is no limit."""
    if not path.is_file():
        return None
    text = path.read_text().strip()
    return int(text) if text.isdigit() and int(text) < 2**60 else None


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / MIB:.0f} MiB"
