"""The standard error that an experiment would have, before it is run: from the data's own noise.

*Geos of a panel* are compared with a synthetic control of the others, as `mmm lift` reads them. The same read-out is
tried on windows of the past as long as the measured one, each predicted from the weeks before it alone, where nothing
was tested: the root mean square of what those placebos find is the standard error. Whatever hangs together over weeks,
in the geos or between them, is in it.

*The whole market* is compared with what the model expected of it. With a_t the outcome of one scaled unit of the
predictor in week t, over geos, n weeks ahead are missed by

    Var = Var(expected outcome)                      parameters and the level reached, over draws
          + tau^2 sum_k (sum_{t >= k} a_t)^2         the level goes on as a random walk: errors of weeks add up
          + sigma^2 sum_gt a_gt^2                    the noise of each week; nu / (nu - 2) times that of a Student-t
          + tau_slope^2 sum_k (sum_{t >= k} (t - k + 1) a_t)^2      where the level has a slope that moves

*A share s of a national market* is compared with the rest of it, which moves with the same level. Its own weekly noise
and that of the rest add up, as those of areas that have nothing else in common: per week s sigma^2 + (s / (1 - s))^2
(1 - s) sigma^2, so that

    Var = s / (1 - s) sigma^2 sum_t a_t^2

Areas that also drift on their own are missed by more: a national model cannot know.
"""

from __future__ import annotations

import numpy as np

from mmm_core.experiments.ahead import WeeksAhead, planned_outcome
from mmm_core.experiments.area import Area
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.predictor import Predictor
from mmm_core.readout.synthetic_control import fit

MOST_WINDOWS, FEWEST_WINDOWS = 40, 6
LEAST_BEFORE, LEAST_BEFORE_PER_WINDOW = 26, 3
"""Weeks that a placebo learns from, at least, and for each week of its window."""
LEAST_NU = 2.5
"""Degrees of freedom below which a Student-t is taken at this many: its variance would have no end."""


def standard_error(
    posterior: Posterior, predictor: Predictor, ahead: WeeksAhead, area: Area, weeks: int
) -> float:
    """Standard error of the outcome of an area over so many weeks ahead; nan where the history is too short to tell."""
    if area.geos:
        return placebo_error(known_outcome(posterior), list(area.positions), weeks)
    if area.whole:
        return market_error(posterior, predictor, ahead, weeks)
    return share_error(posterior, predictor, ahead, weeks, area.share)


def known_outcome(posterior: Posterior) -> np.ndarray:
    """Outcome (geo, week) of the modelled weeks in which that of every geo is known."""
    data = posterior.data
    known = data["observed"].to_numpy().all(axis=0)
    return np.asarray((data["kpi"] * data["revenue_per_kpi"]).to_numpy()[:, known])


def placebo_error(outcome: np.ndarray, treated: list[int], weeks: int) -> float:
    """Root mean square of the lifts that read-outs find in windows of the past where nothing was tested.

    Args:
        outcome: (geo, week). treated: positions of the geos. weeks: measured.
    """
    last = outcome.shape[1] - weeks
    first = max(LEAST_BEFORE, LEAST_BEFORE_PER_WINDOW * weeks)
    if last - first + 1 < FEWEST_WINDOWS:
        return float("nan")
    mean, others = outcome[treated].mean(axis=0), np.delete(outcome, treated, axis=0).T
    starts = np.unique(np.linspace(first, last, min(MOST_WINDOWS, last - first + 1)).round().astype(int))
    found = []
    for start in starts:
        end = start + weeks
        control = fit(mean[:end], others[:end], np.arange(end) < start)
        found.append((mean[start:end] - control.counterfactual(others[start:end])).sum() * len(treated))
    return float(np.sqrt(np.mean(np.square(found))))


def market_error(posterior: Posterior, predictor: Predictor, ahead: WeeksAhead, weeks: int) -> float:
    """Standard error of a whole market's outcome over so many weeks ahead, compared with the model's expectation."""
    expected = planned_outcome(predictor, ahead, weeks)
    unit = _unit(predictor, ahead, expected, weeks)
    by_week = unit.sum(axis=0)
    rest = np.cumsum(by_week[::-1])[::-1]
    variance = expected.sum(axis=(1, 2)).var()
    variance += np.mean(_squares(posterior, "tau")) * (rest**2).sum()
    variance += np.mean(_noise(posterior, predictor)) * (unit**2).sum()
    if "tau_slope" in posterior.variables:
        turns = np.cumsum(rest[::-1])[::-1]
        variance += np.mean(_squares(posterior, "tau_slope")) * (turns**2).sum()
    return float(np.sqrt(variance))


def share_error(
    posterior: Posterior, predictor: Predictor, ahead: WeeksAhead, weeks: int, share: float
) -> float:
    """Standard error of the outcome of a share of a national market, compared with the rest of it."""
    unit = _unit(predictor, ahead, planned_outcome(predictor, ahead, weeks), weeks)
    return float(np.sqrt(share / (1 - share) * np.mean(_noise(posterior, predictor)) * (unit**2).sum()))


def _unit(predictor: Predictor, ahead: WeeksAhead, expected: np.ndarray, weeks: int) -> np.ndarray:
    """Outcome of one scaled unit of the predictor, (geo, week)."""
    unit = predictor.media.unit[:, None]
    if predictor.log:
        return np.asarray(expected.mean(axis=0) * unit)
    return np.asarray(unit * predictor.worth[:, ahead.modelled[:weeks]])


def _squares(posterior: Posterior, name: str) -> np.ndarray:
    return np.square(posterior.draws(name))


def _noise(posterior: Posterior, predictor: Predictor) -> np.ndarray:
    """Variance of a week's noise, (draw,), scaled."""
    variance = np.square(predictor.sigma)
    if "nu" in posterior.variables:
        nu = np.maximum(posterior.draws("nu"), LEAST_NU)
        return np.asarray(np.mean(nu / (nu - 2)) * variance)
    return variance
