"""Where an experiment may be run: the whole market, or the part of it that moves most like the rest.

The rule for a panel, the same every time: starting from no geo, add the one after which the outcome of the chosen geos
moves most like that of all others (least variance over weeks of the difference of the two sums, each by its mean),
until another geo would take their share of the outcome farther from what was asked for. Of geos that do equally well
the first by name is taken; one that alone overshoots the share by more than a quarter of it waits until no other is
left. At least two geos stay to compare with.

A national model knows no geos: a part of its market is a share of everything in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmm_core.plural import plural

FEWEST_TO_COMPARE = 2
OVERSHOOT = 0.25


@dataclass(frozen=True)
class Area:
    """Where an experiment is run.

    Attributes:
        geos: of a panel, those that are tested, by name; empty where the whole market or a share of it is.
        positions: of the geos in which media change, in the model's order.
        part: of what those geos do, how much is tested: 1, or less where a national model has a part of its market
            tested.
        share: of the model's outcome in recent weeks, what the tested area stands for.
        asked: the share that was asked for.
        whole: nothing is left to compare with but the weeks before.
    """

    geos: tuple[str, ...]
    positions: tuple[int, ...]
    part: float
    share: float
    asked: float = field(compare=False)
    whole: bool

    @property
    def words(self) -> str:
        """As people say it."""
        if self.whole:
            return "whole market"
        if not self.geos:
            return f"{self.share:.0%} of the market"
        if len(self.geos) <= 3:
            return ", ".join(self.geos)
        return f"{plural(len(self.geos), 'geo')} ({self.share:.0%})"


def areas(outcome: np.ndarray, names: tuple[str, ...], shares: tuple[float, ...]) -> tuple[Area, ...]:
    """The area of each share, those that come out the same once.

    Args:
        outcome: (geo, week), of weeks in which every geo's is known.
        names: of the geos.
        shares: of the outcome; 1 is the whole market.
    """
    everywhere = tuple(range(len(names)))
    found = []
    for share in shares:
        if share == 1:
            found.append(Area((), everywhere, 1.0, 1.0, share, True))
        elif len(names) == 1:
            found.append(Area((), everywhere, share, share, share, False))
        elif chosen := matched(outcome, names, share):
            part = float(outcome[list(chosen)].sum() / outcome.sum())
            found.append(Area(tuple(names[geo] for geo in chosen), chosen, 1.0, part, share, False))
    return tuple(dict.fromkeys(found))


def matched(outcome: np.ndarray, names: tuple[str, ...], share: float) -> tuple[int, ...]:
    """Positions, ascending, of geos with about this share of the outcome that move most like the rest."""
    size = outcome.mean(axis=1) / outcome.mean(axis=1).sum()
    left = sorted(range(len(names)), key=lambda geo: names[geo])
    chosen: list[int] = []
    while len(left) > FEWEST_TO_COMPARE:
        now = float(size[chosen].sum())
        fitting = [geo for geo in left if now + size[geo] <= share * (1 + OVERSHOOT)]
        if not fitting and not chosen:
            fitting = left
        nearer = [geo for geo in fitting if abs(now + size[geo] - share) < abs(now - share)]
        if not nearer:
            break
        best = min(nearer, key=lambda geo: _apart(outcome, [*chosen, geo]))
        chosen.append(best)
        left.remove(best)
    return tuple(sorted(chosen))


def _apart(outcome: np.ndarray, chosen: list[int]) -> float:
    """Variance of the difference of what the chosen geos and the others did, each by its mean."""
    inside = outcome[chosen].sum(axis=0)
    outside = outcome.sum(axis=0) - inside
    return float(np.var(inside / inside.mean() - outside / outside.mean()))
