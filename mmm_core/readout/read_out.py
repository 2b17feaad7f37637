"""The read-out of a geo experiment, made of the parts of this package.

The treated geos of a cell are read as their mean, so an effect is per geo and period; totals are that times geos and
periods. What is learned from ends where the window begins.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri

from mmm_core.readout import conformal, placebo
from mmm_core.readout.experiment import Cell, Design
from mmm_core.readout.panel import GeoPanel
from mmm_core.readout.placebo import PlacebosInSpace
from mmm_core.readout.record import Conformal, PeriodEffect, PrePeriodFit, Readout
from mmm_core.readout.regression import time_based_regression
from mmm_core.readout.synthetic_control import Augment, SyntheticControl, fit
from mmm_core.readout.warnings import warnings_of

_NO_WEIGHT = 1e-6


def read_out(
    panel: GeoPanel, design: Design, level: float = 0.9, augment: Augment = "none"
) -> tuple[Readout, ...]:
    """Read every cell of an experiment, each against the geos that no cell treats.

    Args:
        level: of the intervals, between 0 and 1.
        augment: `none`, or `ridge`; see `mmm_core.readout.synthetic_control`.
    """
    placebos: dict[float | None, PlacebosInSpace] = {}
    return tuple(_read_cell(panel, design, cell, level, augment, placebos) for cell in design.cells)


def _read_cell(
    panel: GeoPanel,
    design: Design,
    cell: Cell,
    level: float,
    augment: Augment,
    known: dict[float | None, PlacebosInSpace],
) -> Readout:
    rows = slice(design.first_pre, design.last_measured + 1)
    every = panel.outcome[rows][:, panel.columns(cell.geos)]
    treated, donors = every.mean(axis=1), panel.outcome[rows][:, panel.columns(design.donors)]
    geos, pre, measured = len(cell.geos), design.pre, design.measured
    fitted = fit(treated, donors, np.arange(len(treated)) < pre, augment)
    penalty, expected = fitted.penalty, fitted.counterfactual(donors)
    att = float((treated - expected)[pre:].mean())

    missed = placebo.in_time(treated[:pre], donors[:pre], measured, augment, penalty)
    held_out = placebo.held_out_error(treated[:pre], donors[:pre], augment, penalty)
    if penalty not in known:  # cells without augmentation have the same placebos in space
        known[penalty] = placebo.in_space(donors, pre, augment, penalty)
    in_time = placebo.standard_error_in_time(missed)
    in_space = placebo.standard_error_in_space(known[penalty], held_out)
    error = max(in_time, in_space)
    placebos = len(missed) + len(known[penalty].donors)
    half = float(ndtri((1 + level) / 2)) * error
    ends = conformal.interval(treated, donors, measured, att, error, level, augment, penalty)

    total = geos * measured
    would_have_been = float(expected[pre:].sum() * geos)
    relative = total / would_have_been if would_have_been > 0 else float("nan")
    found = Readout(
        cell=cell.name,
        geos=cell.geos,
        outcome=panel.name,
        unit=panel.unit,
        start=design.start,
        end=design.end,
        last_measured=max(design.end, panel.last_day(design.last_measured)),
        pre=pre,
        measured=measured,
        level=level,
        observed=float(every[pre:].sum()),
        expected=would_have_been,
        incremental=att * total,
        incremental_low=(att - half) * total,
        incremental_high=(att + half) * total,
        lift=att * relative,
        lift_low=(att - half) * relative,
        lift_high=(att + half) * relative,
        att=att,
        att_low=att - half,
        att_high=att + half,
        p_value=_p_value(att, error, placebos),
        standard_error=error * total,
        standard_error_in_time=in_time * total,
        standard_error_in_space=in_space * total,
        conformal=Conformal(
            conformal.p_value(treated, donors, measured, 0.0, augment, penalty),
            *(float(end * total) for end in ends),
        ),
        weights=_weights(design, fitted),
        augment=augment,
        penalty=penalty,
        fit=_pre_period_fit(treated[:pre], donors[:pre], fitted, missed),
        regression=time_based_regression(every.sum(axis=1), donors.sum(axis=1), pre, level),
        periods=_periods(panel, design, treated * geos, expected * geos, missed * geos, level),
        warnings=(),
    )
    moved = [
        design.donors[position] for position in placebo.moved(donors, pre, augment, penalty, known[penalty])
    ]
    return replace(found, warnings=warnings_of(found, moved, len(design.donors)))


def _p_value(effect: float, error: float, placebos: int) -> float:
    """Of no effect, two-sided and normal; no smaller than `placebos` of chance, none of them as large, can tell."""
    if not error > 0:
        return 1.0 if effect == 0 else 1 / (placebos + 1)
    return max(float(2 * ndtr(-abs(effect) / error)), 1 / (placebos + 1))


def _weights(design: Design, fitted: SyntheticControl) -> dict[str, float]:
    """Weights of the donors that have any, largest first."""
    weights = zip(design.donors, map(float, fitted.weights), strict=True)
    return dict(
        sorted((pair for pair in weights if abs(pair[1]) > _NO_WEIGHT), key=lambda pair: -abs(pair[1]))
    )


def _pre_period_fit(
    treated: np.ndarray, donors: np.ndarray, fitted: SyntheticControl, missed: np.ndarray
) -> PrePeriodFit:
    gaps = treated - fitted.counterfactual(donors)
    equal = (treated - treated.mean()) - (donors - donors.mean(axis=0)).mean(axis=1)
    imbalance, scale, mean = float(np.linalg.norm(gaps)), float(np.linalg.norm(equal)), float(treated.mean())
    return PrePeriodFit(
        l2_imbalance=imbalance,
        scaled_l2_imbalance=imbalance / scale if scale > 0 else 0.0,
        mape=float(np.abs(gaps).mean()) / mean if mean > 0 else float("nan"),
        held_out_mape=float(np.abs(missed).mean()) / mean if mean > 0 else float("nan"),
        treated_mean=mean,
        donors_mean=mean - fitted.level,
    )


def _periods(
    panel: GeoPanel,
    design: Design,
    observed: np.ndarray,
    expected: np.ndarray,
    missed: np.ndarray,
    level: float,
) -> tuple[PeriodEffect, ...]:
    reach = float(np.quantile(np.abs(missed), level))
    return tuple(
        PeriodEffect(
            start=panel.starts[design.first_pre + position],
            observed=float(seen),
            expected=float(would),
            effect=float(seen - would),
            low=float(seen - would - reach),
            high=float(seen - would + reach),
            measured=position >= design.pre,
        )
        for position, (seen, would) in enumerate(zip(observed, expected, strict=True))
    )
