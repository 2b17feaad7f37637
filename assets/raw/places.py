"""The place of each file among those of its table, as its rows carry it: a number that is larger for a later export.

Rows of files that stay in the right order keep their places, so that a file that comes, changes or goes costs the rows
of that file and of no other: places are far apart, and one that comes between two takes a number between theirs.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

STEP = 2**20


def places(files: Sequence[str], held: Mapping[str, int]) -> dict[str, int]:
    """A place for each file.

    Args:
        files: the oldest export first.
        held: the places that files have whose rows stay.
    """
    kept = _longest_in_order([name for name in files if name in held], held)
    found: dict[str, int] = {}
    waiting: list[str] = []
    below: int | None = None
    for name in files:
        if name not in kept:
            waiting.append(name)
            continue
        above = held[name]
        if below is None:
            found |= {other: above - STEP * (len(waiting) - i) for i, other in enumerate(waiting)}
        elif above - below <= len(waiting):
            return _anew(files, held)  # no room
        else:
            found |= {
                other: below + (above - below) * (i + 1) // (len(waiting) + 1)
                for i, other in enumerate(waiting)
            }
        found[name], below, waiting = above, above, []
    return found | {other: (below or 0) + STEP * (i + 1) for i, other in enumerate(waiting)}


def _anew(files: Sequence[str], held: Mapping[str, int]) -> dict[str, int]:
    """New places for all, above those that are taken."""
    highest = max(held.values())
    return {name: highest + STEP * i for i, name in enumerate(files, start=1)}


def _longest_in_order(files: Sequence[str], held: Mapping[str, int]) -> set[str]:
    """The most files whose places grow as they should."""
    tails: list[int] = []
    ends: list[int] = []  # the file that ends the best run of each length
    before: list[int] = []
    for position, name in enumerate(files):
        length = bisect_left(tails, held[name])
        tails[length : length + 1] = [held[name]]
        ends[length : length + 1] = [position]
        before.append(ends[length - 1] if length else -1)
    chosen: set[str] = set()
    position = ends[-1] if ends else -1
    while position >= 0:
        chosen.add(files[position])
        position = before[position]
    return chosen
