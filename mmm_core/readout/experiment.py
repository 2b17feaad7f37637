"""What was done, where and when: the cells of an experiment, its window, and which geos are left to compare with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.names import normal_name
from mmm_core.readout.panel import GeoPanel

MIN_PRE = 10
"""Periods before the window, at the least."""

MIN_PRE_PER_WINDOW = 2
"""Periods before the window, at the least, to each period that is measured."""

MIN_DONORS = 2


@dataclass(frozen=True)
class Cell:
    """Geos that were treated alike."""

    name: str
    geos: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """Which periods and geos a read-out uses, as positions in a panel.

    Attributes:
        cells: the treated geos.
        donors: geos that were not treated and not left out, to compare with.
        start, end: first and last day of the window, as it was asked for.
        first_pre: first period that is learned from.
        first: first period of the window.
        last: last period of the window.
        last_measured: last period whose outcome counts, `last` or later.
    """

    cells: tuple[Cell, ...]
    donors: tuple[str, ...]
    start: date
    end: date
    first_pre: int
    first: int
    last: int
    last_measured: int

    @property
    def pre(self) -> int:
        """Number of periods that are learned from."""
        return self.first - self.first_pre

    @property
    def measured(self) -> int:
        """Number of periods whose outcome counts."""
        return self.last_measured - self.first + 1


def parse_cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Cells as `--treated` writes them: `chicago,portland`, or `social=chicago,cincinnati` once a cell.

    Raises:
        InputError: a cell without geos, or two cells of one name.
    """
    cells = []
    for position, text in enumerate(texts, start=1):
        name, named, geos = text.rpartition("=")
        listing = parse_geos(geos)
        default = "treated" if len(texts) == 1 else f"cell {position}"
        cells.append(Cell(normal_name(name) if named and name.strip() else default, listing))
        if not listing:
            raise InputError(f"--treated {shown(text)}: no geo in it: write --treated chicago,portland")
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names):
        raise InputError(f"two cells are called {shown(max(names, key=names.count))}: name them apart")
    return tuple(cells)


def parse_geos(text: str) -> tuple[str, ...]:
    """Names of geos, separated by commas, or by semicolons where there are any: `Austin, TX;Boston, MA;`."""
    between = ";" if ";" in text else ","
    return tuple(normal_name(geo) for geo in text.split(between) if geo.strip())


def parse_window(text: str) -> tuple[date, date]:
    """First and last day of `2021-04-01:2021-04-15`. Raises InputError where it is no such window."""
    try:
        start, end = (date.fromisoformat(part.strip()) for part in text.split(":"))
    except ValueError:
        raise InputError(f"--window {shown(text)}: write first and last day, 2021-04-01:2021-04-15") from None
    if end < start:
        raise InputError(f"--window {shown(text)}: it ends before it starts: swap the days")
    return start, end


def design(
    panel: GeoPanel,
    cells: Sequence[Cell],
    window: tuple[date, date],
    pre: int | None = None,
    post: int = 0,
    exclude: Iterable[str] = (),
    level: float = 0.9,
) -> Design:
    """Find cells, window and donors in the panel.

    Args:
        window: first and last day on which something was different.
        pre: periods before the window to learn from; all of them where None.
        post: further periods after the window whose outcome counts, for carry-over.
        exclude: geos that are neither treated nor compared with.
        level: of the intervals; how many periods it takes depends on it.

    Raises:
        InputError: an unknown geo, a geo twice, every geo treated, too few left, a window or post-period outside the
            data, too few periods before it, a geo whose outcome is the same in all of them.
    """
    left_out = tuple(normal_name(geo) for geo in exclude)
    _check_geos(panel, cells, left_out)
    treated = {geo for cell in cells for geo in cell.geos}
    donors = tuple(geo for geo in panel.geos if geo not in treated and geo not in left_out)
    if not donors:
        raise InputError(
            f"{panel.source}: every geo is treated or left out: nothing is left to compare with: name fewer geos, or "
            "add geos that were not treated"
        )
    if len(donors) < MIN_DONORS:
        raise InputError(
            f"{panel.source}: only {donors[0]} is left to compare with: {MIN_DONORS} geos are the least, add some"
        )
    start, end = window
    first, last = panel.period_of(start), panel.period_of(end)
    if first is None or last is None:
        raise InputError(
            f"{panel.source}: the window {start} to {end} is not within the data, which are {panel.starts[0]} to "
            f"{panel.last_day(len(panel.starts) - 1)}: change --window, or add the rows"
        )
    last_measured = last + post
    if post < 0 or last_measured >= len(panel.starts):
        raise InputError(
            f"{panel.source}: --post {post}: the data end {len(panel.starts) - 1 - last} {panel.unit}(s) after the "
            "window: ask for no more, or wait for the rows"
        )
    if pre is not None and not 0 < pre <= first:
        raise InputError(
            f"{panel.source}: --pre {pre}: {first} {panel.unit}(s) lie before the window: ask for no more"
        )
    found = Design(
        tuple(cells), donors, start, end, first - (first if pre is None else pre), first, last, last_measured
    )
    _check_pre(panel, found, level)
    _check_moves(panel, found)
    return found


def _check_geos(panel: GeoPanel, cells: Sequence[Cell], left_out: tuple[str, ...]) -> None:
    if not cells:
        raise InputError("no geo was treated: name them, --treated chicago,portland")
    for geo in (*(geo for cell in cells for geo in cell.geos), *left_out):
        if geo not in panel.geos:
            alike = [name for name in panel.geos if name.casefold() == geo.casefold()]
            hint = f"did you mean '{alike[0]}'?" if alike else nearest(geo, panel.geos)
            commas = any("," in name for name in panel.geos)
            semicolon = "; separate names that hold commas by semicolons" if commas else ""
            raise InputError(f"{panel.source}: no geo {shown(geo)}: {hint}{semicolon}")
    seen: dict[str, str] = {}
    for cell in cells:
        for geo in cell.geos:
            if geo in seen:
                where = (
                    f"cells {seen[geo]} and {cell.name}"
                    if seen[geo] != cell.name
                    else f"cell {cell.name} twice"
                )
                raise InputError(f"geo {shown(geo)} is in {where}: cells must not overlap, name it once")
            seen[geo] = cell.name
    both = [geo for geo in left_out if geo in seen]
    if both:
        raise InputError(f"{listed(map(shown, both))} is both treated and left out: take it out of one list")


def _check_pre(panel: GeoPanel, found: Design, level: float) -> None:
    # The p-value of T periods is a multiple of 1/T: below 1/(1 - level) of them no effect is ever found.
    for_level = math.ceil(1 / (1 - level) - 1e-9) - found.measured
    needed = max(MIN_PRE, MIN_PRE_PER_WINDOW * found.measured, for_level)
    if found.pre < needed:
        raise InputError(
            f"{panel.source}: {found.pre} {panel.unit}(s) before the window to learn from, and {needed} are the least "
            f"for {found.measured} measured ones at a level of {level:g}: add earlier rows"
        )


def _check_moves(panel: GeoPanel, found: Design) -> None:
    """Refuse geos that never change before the window: closed, not yet open, or not recorded."""
    before = panel.outcome[found.first_pre : found.first]
    still = {geo for geo, spread in zip(panel.geos, np.ptp(before, axis=0), strict=True) if spread == 0}
    treated = [geo for cell in found.cells for geo in cell.geos if geo in still]
    if treated:
        raise InputError(
            f"{panel.source}: {listed(map(shown, treated))}: {panel.name} is the same in every {panel.unit} before the "
            "window, so nothing can be said of what would have been: take the geo out of --treated"
        )
    donors = [geo for geo in found.donors if geo in still]
    if donors:
        between = ";" if any("," in geo for geo in donors) else ","
        raise InputError(
            f"{panel.source}: {panel.name} is the same in every {panel.unit} before the window in {listed(donors)}: "
            f"nothing can be compared with that, leave it out: --exclude {between.join(donors)}"
        )
