"""From what a read-out states to an estimate and its standard error; the formulas stand in docs/evidence.md.

All of them take the error as Normal. An interval that a bootstrap or a placebo test made is not quite that: its width
is what is kept of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from mmm_core.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """What was measured.

    Attributes:
        value: the estimate.
        error: its standard error, in the same unit, above 0.
    """

    value: float
    error: float


def from_interval(low: float, high: float, level: float, value: float | None = None) -> Estimate:
    """An interval that holds the truth with probability `level`.

    error = (high - low) / (2 z), with z the (1 + level) / 2 quantile of the standard Normal; the estimate is the middle
    where none is stated.

    Args:
        level: as a share, such as 0.9.
        value: the estimate that was reported beside the interval.

    Raises:
        InputError: a level outside of 0 to 1, ends the wrong way round or equal, an estimate outside of them.
    """
    if not (0 < level < 1 and 0 < z_of(level) < math.inf):
        raise InputError(f"an interval of level {level:g}: write a share between 0 and 1, such as 0.9")
    if not low < high:
        raise InputError(f"an interval from {low:g} to {high:g}: write its lower end first, below the upper")
    if value is not None and not low <= value <= high:
        raise InputError(
            f"the interval from {low:g} to {high:g} does not hold the estimate {value:g}: copy both from one read-out"
        )
    return Estimate((low + high) / 2 if value is None else value, (high - low) / (2 * z_of(level)))


def from_roi(roi: Estimate, incremental_spend: float) -> Estimate:
    """Incremental outcome of a return on the spend that was tested.

    incremental = roi * (spend with the test - spend without it), its error = error of roi * |that spend|. Spend that
    was cut is negative, and so is what it brought.

    Raises:
        InputError: no spend was tested.
    """
    if incremental_spend == 0:
        raise InputError("a return on no spend: state the spend with and without the test")
    return Estimate(roi.value * incremental_spend, roi.error * abs(incremental_spend))


def from_cost(
    incremental_spend: float,
    cost: float | None,
    error: float | None = None,
    interval: tuple[float, float, float] | None = None,
) -> Estimate:
    """Incremental units of a cost for each of them, both of one spend.

    units = spend / cost. Its error is spend * error / cost^2 to first order; of an interval the ends are divided
    instead, as the interval of the units is spend / high to spend / low with the same probability.

    Args:
        cost: spend for a unit, above 0; None where an interval stands alone.
        error: its standard error, which counts before an interval.
        interval: low, high and level, as of `from_interval`.

    Raises:
        InputError: a cost or an end of its interval that is not above 0, no spend, or as of `from_interval`.
    """
    if incremental_spend == 0:
        raise InputError("a cost of no spend: state the spend with and without the test")
    ends = () if interval is None else interval[:2]
    for value in (*(() if cost is None else (cost,)), *ends):
        if value <= 0:
            raise InputError(
                f"a cost of {value:g} for a unit is not above 0: where a test may have brought nothing, state "
                "incremental_outcome and its error"
            )
    value = None if cost is None else incremental_spend / cost
    found = None
    if interval is not None:
        low, high, level = interval
        from_interval(low, high, level, cost)  # what is refused is told in the unit it is stated in
        few, many = sorted((incremental_spend / high, incremental_spend / low))
        found = from_interval(few, many, level, value)
    if cost is not None and value is not None and error is not None:
        return Estimate(value, abs(value) * error / cost)
    if found is None:
        raise InputError("a cost without an error: state standard_error or an interval")
    return found


def z_of(level: float) -> float:
    """Half the width of a standard Normal's central interval, such as 1.645 for 0.9."""
    share = (1 + level) / 2
    return NormalDist().inv_cdf(share) if share < 1 else math.inf
