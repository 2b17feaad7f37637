"""A brand tracker as weekly states: what surveys measured now and then, with the error of their samples.

A wave asks n people over some days, k of whom say yes. The weekly state is the logit of the share there is, a random
walk; a wave observes its average over the wave's days,

    state_t = state_{t-1} + step e_t,        step ~ half-normal
    logit_w = sum_t h_wt state_t + u_w,      u_w ~ N(0, 1/(k + 1/2) + 1/(n - k + 1/2))

with logit_w = log (k + 1/2) / (n - k + 1/2), the empirical logit, whose variance the delta method gives (Anscombe
1956); h_wt is the share of the wave's days in week t. Given the step all states are one normal, whose precision is
sparse and whose draws are those of a Kalman smoother; the step is drawn first, on a fine grid, with the states
integrated out. Weeks between waves are uncertain and are drawn as such. No value is ever carried forward.

The states are estimated before anything is known of media: between waves they are a random walk. They say what a
metric was. An autoregression fitted on them finds effects several times too small where waves are rare, so that for
effects states and autoregression are drawn together: `mmm_core.long_term.tracked`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from mmm_core.errors import InputError, listed
from mmm_core.threads import one_blas_thread

COLUMNS = ("start", "end", "share", "sample")
FEWEST_WAVES = 3
STEP = 0.05
"""Scale of the half-normal prior of the weekly step, in logits: at a share of a half, 1.25 points a week."""
GRID = np.exp(np.linspace(np.log(1e-3), np.log(1.0), 96))
"""Steps that are considered, 7 % apart."""
PERSISTENCE = np.array([0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97, 0.99])
"""What is considered of a metric's own autoregression."""
START_SD = 10.0
"""Prior sd of the first week's logit around the waves' mean: all shares are possible."""


@one_blas_thread
def weekly_states(
    waves: pd.DataFrame, weeks: pd.DatetimeIndex, draws: int, seed: int = 0, step: float = STEP
) -> xr.Dataset:
    """Draws of a metric's weekly state, given the waves of a survey.

    Args:
        waves: a row a wave: start and end (first and last day of fieldwork), share (0 to 1 of the answers), sample
            (how many answered).
        weeks: first days of the weeks to be estimated, seven days apart.
        draws: how many paths.
        seed: of the draws.
        step: scale of the prior of the weekly step, in logits.

    Returns:
        logit (draw, week), share (draw, week), step (draw,), and of the waves: measured (wave,), their shares, and sd
        (wave,), the sampling sd of their logits.

    Raises:
        InputError: a column is missing, a share is outside 0 to 1, a sample is empty, a wave ends before it starts or
            has no day in the weeks, too few waves, or a share that never changes.
    """
    waves = _checked(waves, weeks)
    days, measured, variance = observations(waves, weeks)
    middle = measured.mean()
    rng = np.random.default_rng(seed)
    scores = np.array([_log_marginal(days, measured - middle, variance, grid) for grid in GRID])
    # half-normal prior; a point of a grid in logarithms stands for a width that grows with it
    scores += np.log(GRID) - 0.5 * (GRID / step) ** 2
    weight = np.exp(scores - scores.max())
    chosen = rng.choice(len(GRID), size=draws, p=weight / weight.sum())
    logit = np.empty((draws, len(weeks)))
    for place in np.unique(chosen):
        here = np.flatnonzero(chosen == place)
        root, mean = smoothed(days, measured - middle, variance, GRID[place])
        noise = rng.standard_normal((len(weeks), len(here)))
        logit[here] = middle + mean + np.linalg.solve(root.T, noise).T
    return xr.Dataset(
        {
            "logit": (("draw", "week"), logit),
            "share": (("draw", "week"), expit(logit)),
            "step": (("draw",), GRID[chosen]),
            "measured": (("wave",), waves["share"].to_numpy(float)),
            "sd": (("wave",), np.sqrt(variance)),
        },
        coords={"week": weeks.to_numpy(), "wave": pd.DatetimeIndex(waves["start"]).to_numpy()},
    )


class Observations(NamedTuple):
    """What the waves of a survey say of the weeks' logits."""

    days: np.ndarray  # h, share of each wave's days in each week, (wave, week)
    measured: np.ndarray  # empirical logits, (wave,)
    variance: np.ndarray  # of their sampling error, (wave,)


def observations(waves: pd.DataFrame, weeks: pd.DatetimeIndex) -> Observations:
    """Waves as observations of logits; arguments and errors of `weekly_states`."""
    waves = _checked(waves, weeks)
    people = waves["sample"].to_numpy(float) / asked_at_once(waves)
    yes = waves["share"].to_numpy(float) * people
    no = people - yes
    measured = np.log((yes + 0.5) / (no + 0.5))
    return Observations(days_in_weeks(waves, weeks), measured, 1 / (yes + 0.5) + 1 / (no + 0.5))


def asked_at_once(waves: pd.DataFrame) -> np.ndarray:
    """How many waves are in the field on a wave's days, itself among them, on average, (wave,): 1 without overlap.

    Averages of the last four weeks that are given every week hold each answer four times. A wave then counts for its
    people divided by this, so that all of them together count each answer once.
    """
    first = waves["start"].to_numpy().astype("datetime64[D]").astype(int)
    last = waves["end"].to_numpy().astype("datetime64[D]").astype(int)
    days = np.zeros(last.max() - first.min() + 2)
    np.add.at(days, first - first.min(), 1)
    np.add.at(days, last - first.min() + 1, -1)
    so_far = np.concatenate([[0.0], np.cumsum(np.cumsum(days))])
    return np.asarray((so_far[last - first.min() + 1] - so_far[first - first.min()]) / (last - first + 1))


def weekly_noise(seen: Observations) -> float:
    """Sd of a metric's weekly noise in logits, were it an autoregression of its own: the unit its prior is stated in.

    The waves alone are one normal given the persistence and the noise, on a grid of both, equally likely in the
    persistence and in the noise's logarithm. Returned is the middle of what is left of the noise.
    """
    weeks = seen.days.shape[1]
    apart = np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks)))
    noise = GRID[::3]
    scores = np.empty((len(PERSISTENCE), len(noise)))
    # in units of the level's and the errors' root the spread is I + noise^2 S: one decomposition for all noises
    root = np.linalg.cholesky(START_SD**2 + np.diag(seen.variance))
    days = np.linalg.solve(root, seen.days)
    about = np.linalg.solve(root, seen.measured - seen.measured.mean())
    for row, persistence in enumerate(PERSISTENCE):
        correlation = (persistence ** np.arange(weeks))[apart]
        size, vectors = np.linalg.eigh(days @ correlation @ days.T / (1 - persistence**2))
        spread = 1 + np.outer(noise**2, size)
        scores[row] = -0.5 * ((vectors.T @ about) ** 2 / spread + np.log(spread)).sum(1)
    weight = np.exp(scores - scores.max()).sum(0)
    return float(noise[np.searchsorted(np.cumsum(weight) / weight.sum(), 0.5)])


def smoothed(
    days: np.ndarray, measured: np.ndarray, variance: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Root of the precision of all weeks' states, (week, week), and their mean, (week,), given the step.

    Args:
        days: h, (wave, week). measured: logits about their mean, (wave,). variance: of their error, (wave,).
    """
    precision = _walk(days.shape[1], step) + (days.T / variance) @ days
    root = np.linalg.cholesky(precision)
    white = np.linalg.solve(root, days.T @ (measured / variance))
    return root, np.linalg.solve(root.T, white)


def _walk(weeks: int, step: float) -> np.ndarray:
    """Precision of a random walk from a wide start."""
    change = np.diff(np.eye(weeks), axis=0)
    found = change.T @ change / step**2
    found[0, 0] += 1 / START_SD**2
    return np.asarray(found)


def _log_marginal(days: np.ndarray, measured: np.ndarray, variance: np.ndarray, step: float) -> float:
    """log p(waves | step), the states integrated out, up to a constant."""
    root, mean = smoothed(days, measured, variance, step)
    explained = mean @ (days.T @ (measured / variance))
    log_prior = -(days.shape[1] - 1) * np.log(step)
    return float(log_prior - np.log(np.diagonal(root)).sum() + 0.5 * explained)


def _checked(waves: pd.DataFrame, weeks: pd.DatetimeIndex) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in waves.columns]
    if missing:
        raise InputError(f"the waves have no column {listed(missing)}: they need {', '.join(COLUMNS)}")
    if len(waves) < FEWEST_WAVES:
        raise InputError(f"{len(waves)} waves are too few to see a metric move: it takes {FEWEST_WAVES}")
    waves = waves.assign(start=pd.to_datetime(waves["start"]), end=pd.to_datetime(waves["end"])).sort_values(
        "start"
    )
    share, sample = waves["share"].to_numpy(float), waves["sample"].to_numpy(float)
    faults = (
        (~((share >= 0) & (share <= 1)), "a share outside 0 to 1: percentages are divided by 100"),
        (~(sample >= 1), "no sample: the error of a share cannot be known without"),
        ((waves["end"] < waves["start"]).to_numpy(), "an end before its start"),
        (
            ((waves["end"] < weeks[0]) | (waves["start"] > weeks[-1] + pd.Timedelta(days=6))).to_numpy(),
            f"no day in the weeks ({weeks[0]:%Y-%m-%d} to {weeks[-1]:%Y-%m-%d}): leave it out, or add the weeks",
        ),
    )
    for wrong, words in faults:
        if wrong.any():
            starts = np.datetime_as_string(waves["start"].to_numpy()[wrong], "D")
            raise InputError(f"the wave of {listed(starts)} has {words}")
    if np.ptp(share) == 0:
        raise InputError(
            f"the share is {share[0]:g} in all {len(waves)} waves: nothing can be learnt of what never changes"
        )
    return waves


def days_in_weeks(waves: pd.DataFrame, weeks: pd.DatetimeIndex) -> np.ndarray:
    """Share of each wave's days in each week, of those that lie in any, (wave, week)."""
    first, last = waves["start"].to_numpy()[:, None], waves["end"].to_numpy()[:, None]
    begin = np.maximum(first, weeks.to_numpy())
    end = np.minimum(last, (weeks + pd.Timedelta(days=6)).to_numpy())
    days = np.maximum((end - begin) / np.timedelta64(1, "D") + 1, 0.0).astype(float)
    return np.asarray(days / days.sum(1, keepdims=True))
