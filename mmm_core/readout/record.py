"""The record of a read-out: what one cell of a geo experiment did, how surely, and why it may not be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mmm_core.readout.regression import Regression
from mmm_core.readout.synthetic_control import Augment


@dataclass(frozen=True)
class PeriodEffect:
    """One period, summed over the geos of the cell.

    Attributes:
        start: first day.
        observed, expected: outcome, and what it would have been.
        effect: their difference.
        low, high: interval of the effect: it plus and minus what held-out periods before the window were missed by.
        measured: whether the period counts towards the lift; the others are those learned from.
    """

    start: date
    observed: float
    expected: float
    effect: float
    low: float
    high: float
    measured: bool


@dataclass(frozen=True)
class PrePeriodFit:
    """How well the synthetic control follows the treated geos before the window.

    Attributes:
        l2_imbalance: root of the sum of squared gaps, per geo, in units of the outcome.
        scaled_l2_imbalance: over that of equal weights: 0 is a perfect fit, 1 no better than the donors' mean.
        mape: mean absolute gap over the mean outcome, in sample.
        held_out_mape: the same of periods predicted from others.
        treated_mean, donors_mean: outcome per geo and period, and the weighted donors': their difference is the fixed
            effect.
    """

    l2_imbalance: float
    scaled_l2_imbalance: float
    mape: float
    held_out_mape: float
    treated_mean: float
    donors_mean: float


@dataclass(frozen=True)
class Conformal:
    """Conformal inference on the incremental outcome: p-value of no effect, ends of its interval (see `conformal`)."""

    p_value: float
    low: float
    high: float


@dataclass(frozen=True)
class Readout:
    """What one cell of an experiment did.

    Attributes:
        cell, geos: which geos were treated.
        outcome: the panel's column.
        unit: what a period is called: day, week or period.
        start, end: first and last day of the window.
        last_measured: last day whose outcome counts.
        pre, measured: periods learned from, and measured.
        level: of all intervals.
        observed, expected: totals over geos and measured periods.
        incremental: `observed` less `expected`, with the ends of its interval: it plus and minus a normal quantile of
            its standard error.
        lift: `incremental` over `expected`, likewise; nan where nothing was expected.
        att: effect per geo and period, likewise.
        p_value: of no effect, two-sided, by the same standard error; at least one over one more than there were
            placebos, which can tell no less.
        standard_error: of `incremental`: the larger of the placebos' in time and in space.
        conformal: a second test of the same estimator, which needs no standard error.
        weights: of the donors that have any, largest first.
        penalty: of the ridge augmentation; None without.
        fit: before the window.
        regression: the second opinion.
        periods: learned and measured ones.
        warnings: why it may not be believed.
    """

    cell: str
    geos: tuple[str, ...]
    outcome: str
    unit: str
    start: date
    end: date
    last_measured: date
    pre: int
    measured: int
    level: float
    observed: float
    expected: float
    incremental: float
    incremental_low: float
    incremental_high: float
    lift: float
    lift_low: float
    lift_high: float
    att: float
    att_low: float
    att_high: float
    p_value: float
    standard_error: float
    standard_error_in_time: float
    standard_error_in_space: float
    conformal: Conformal
    weights: Mapping[str, float]
    augment: Augment
    penalty: float | None
    fit: PrePeriodFit
    regression: Regression
    periods: tuple[PeriodEffect, ...]
    warnings: tuple[str, ...]
