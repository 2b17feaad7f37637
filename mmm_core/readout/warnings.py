"""Why a read-out may not be believed, in sentences with their figures and what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmm_core.errors import listed
from mmm_core.plural import plural
from mmm_core.readout.record import Readout

POOR_SCALED_L2 = 0.7
POOR_MAPE = 0.10
FEW_DONORS = 10
SHORT_PRE = 4
HEAVY = 0.7
UNUSUAL = 2.0
"""Standard error in space over that in time from which the window is called unusual."""

COUNTS = 0.05
"""Weight from which a donor's own movement matters."""


def warnings_of(read: Readout, moved: Sequence[str], donors: int) -> tuple[str, ...]:
    """What speaks against a read-out; empty where nothing does.

    Args:
        moved: donors that moved in the measured periods by more than chance.
        donors: how many geos there were to compare with.
    """
    found = []
    if read.fit.scaled_l2_imbalance > POOR_SCALED_L2:
        found.append(
            f"poor fit before the window: scaled L2 imbalance {read.fit.scaled_l2_imbalance:.2f}, where 0 is perfect "
            "and 1 no better than equal weights: add geos that move like the treated ones, or try --augment ridge"
        )
    if read.fit.held_out_mape > POOR_MAPE:
        found.append(
            f"periods before the window are predicted with an error of {read.fit.held_out_mape:.0%}: only a large "
            "effect can be seen; add geos or earlier periods, or read larger ones together"
        )
    if donors < FEW_DONORS:
        found.append(
            f"few donors: {plural(donors, 'geo')} to compare with, {FEW_DONORS} or more are better: the placebos "
            "in space say little"
        )
    if read.pre < SHORT_PRE * read.measured:
        found.append(
            f"short history: {plural(read.pre, read.unit)} before the window for "
            f"{plural(read.measured, 'measured one')}, {SHORT_PRE} times as many are better"
        )
    donor, weight = next(iter(read.weights.items()))
    if weight > HEAVY:
        found.append(
            f"{donor} alone has {weight:.0%} of the weight: whatever happened there is taken for the effect"
        )
    contaminated = [name for name in moved if abs(read.weights.get(name, 0.0)) >= COUNTS]
    if contaminated:
        between = ";" if any("," in name for name in contaminated) else ","
        found.append(
            f"{listed(contaminated)} moved in the window by more than chance, and counts in the comparison: look "
            f"whether something was done there too, and leave it out with --exclude {between.join(contaminated)}"
        )
    in_time, in_space = read.standard_error_in_time, read.standard_error_in_space
    if in_space > UNUSUAL * in_time:
        how = f"{in_space / in_time:.1f} times as far" if in_time > 0 else "further"
        found.append(
            f"geos that nobody treated moved apart {how} in the window as before it: something else happened then, or "
            "was done there; the standard error allows for it, but look what it was"
        )
    conformal = read.conformal
    if not (math.isfinite(conformal.low) and math.isfinite(conformal.high)):
        found.append(
            "the conformal interval has an open end, for no effect there is far enough out to be refused: add earlier "
            f"{read.unit}s"
        )
    elif not conformal.low <= read.incremental <= conformal.high:
        found.append(
            f"the conformal interval, {conformal.low:,.0f} to {conformal.high:,.0f}, does not hold the estimate: the "
            "comparison changes once it learns from the window, so its weights are not settled; do not act on it alone"
        )
    other = read.regression
    if other.low > read.incremental_high or other.high < read.incremental_low:
        found.append(
            f"time-based regression finds {other.incremental:,.0f}, {other.low:,.0f} to {other.high:,.0f}, which has "
            "nothing in common with the interval: do not act on either method alone"
        )
    return tuple(found)
