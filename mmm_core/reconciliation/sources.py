"""What each source says of a channel's return, over the weeks that model and claims share.

Model and claims are sums over these weeks by the same spend, the model table's. A lift test measured other weeks,
another change of spend and perhaps not all of the carry-over: it is compared through the model, which says at each draw
what a return of the compared weeks is in the test's own terms (`mmm_core.effects.replayed_tests`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mmm_core.data.weeks import first_days
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.posterior.handle import Posterior
from mmm_core.reconciliation.density import LiftLikelihood
from mmm_core.spec.model_spec import ModelSpec

DRAWS = 1000
"""Draws that are compared, evenly spread over the posterior's."""
_NEXT_TO_NOTHING = 0.01  # of the median: below it a ratio says nothing


@dataclass(frozen=True)
class Compared:
    """The weeks that are compared.

    Attributes:
        positions: of the modelled weeks. first, last: first day of the first and of the last.
    """

    positions: np.ndarray
    first: pd.Timestamp
    last: pd.Timestamp


@dataclass(frozen=True)
class ChannelTest:
    """A lift test as one of its channels is compared with it.

    Attributes:
        seen: the posterior was calibrated with it: it is in the draws already and must not count again.
        lifts: (draw,), what the model says it would have measured without error.
        likelihood: what it says of the channel's return.
    """

    weighed: WeighedTest
    seen: bool
    lifts: np.ndarray
    likelihood: LiftLikelihood

    @property
    def test_id(self) -> str:
        """Name of the test."""
        return self.weighed.test.test_id


def compared_weeks(posterior: Posterior, claims: pd.DataFrame | None, last: int | None) -> Compared:
    """The modelled weeks from the first to the last with claims (all without claims), of them the last so many.

    Args:
        claims: of `mmm_core.reconciliation.claims.claims_in`; those of channels of the model.

    Raises:
        InputError: no week is in both, or their weeks begin on different weekdays.
    """
    days = first_days(pd.DatetimeIndex(posterior.data["week"].to_numpy()), posterior.spec)
    inside = np.ones(len(days), dtype=bool)
    if claims is not None and len(claims):
        first, end = claims["week_start"].min(), claims["week_start"].max()
        if not claims["week_start"].isin(days).any():
            here = f"{days[0].date()} to {days[-1].date()}, weeks that begin on a {days[0].day_name()}"
            raise InputError(
                f"model {posterior.model}: no week of the claims, {first.date()} ({first.day_name()}) to {end.date()}, "
                f"is one of the model's, {here}: export claims by these weeks"
            )
        inside = np.asarray((days >= first) & (days <= end))
    positions = np.flatnonzero(inside)[-last if last else 0 :]
    return Compared(positions, days[positions[0]], days[positions[-1]])


def model_returns(
    posterior: Posterior, draws: np.ndarray, compared: Compared
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Returns of each paid channel with spend in the compared weeks, (draw,), and that spend.

    The accounting is `mmm_core.effects.roi`'s: outcome of these weeks, what carries over from earlier media included.
    """
    predictor, spec = posterior.predictor(draws), posterior.spec
    worth = predictor.worth[:, compared.positions, None]
    brought = np.empty((len(draws), len(spec.paid)))
    for which in predictor.chunks():
        terms = predictor.media_terms(which)
        base = predictor.expected(predictor.baseline_terms(which), which)
        gained = predictor.gain(predictor.with_media(base, terms), terms)
        brought[which] = (gained[:, :, compared.positions] * worth).sum((1, 2))[:, : len(spec.paid)]
    spend = posterior.data["spend"].to_numpy()[:, predictor.history :][:, compared.positions].sum((0, 1))
    spent = {channel: float(spend[c]) for c, channel in enumerate(spec.paid) if spend[c] > 0}
    return {
        channel: brought[:, spec.paid.index(channel)] / amount for channel, amount in spent.items()
    }, spent


def channel_tests(
    posterior: Posterior,
    draws: np.ndarray,
    returns: dict[str, np.ndarray],
    tests: Sequence[WeighedTest],
    seen: Sequence[str],
) -> dict[str, tuple[ChannelTest, ...]]:
    """The tests of each channel, by name, as the channel's return is compared with them.

    A test of several channels is compared with each of them, the others as in a draw.

    Args:
        returns: of `model_returns`, of the same draws.
        seen: names of the tests that the posterior was calibrated with.
    """
    spec = posterior.spec
    noise = ResultNoise.of(spec.calibration)
    tests = sorted(tests, key=lambda weighed: weighed.test.test_id)
    alone = {
        (weighed.test.test_id, channel): _alone(weighed, channel) if len(weighed.test.spend) > 1 else weighed
        for weighed in tests
        for channel in weighed.test.channels
        if channel in returns
    }
    wanted = {each.test.test_id: each for each in (*tests, *alone.values())}
    if not wanted:
        return {}
    lifts = replayed_tests(posterior, list(wanted.values()), draws)
    found: dict[str, list[ChannelTest]] = {}
    for weighed in tests:
        whole = lifts.sel(test=weighed.test.test_id).to_numpy()
        for channel in weighed.test.channels:
            if channel not in returns:
                continue
            own = lifts.sel(test=alone[weighed.test.test_id, channel].test.test_id).to_numpy()
            slope = per_return(own, returns[channel])
            if slope is None:
                continue
            likelihood = LiftLikelihood(
                weighed.test.incremental, weighed.standard_error, whole - own, slope, noise
            )
            test = ChannelTest(weighed, weighed.test.test_id in seen, whole, likelihood)
            found.setdefault(channel, []).append(test)
    return {channel: tuple(of_channel) for channel, of_channel in found.items()}


def per_return(lifts: np.ndarray, returns: np.ndarray) -> np.ndarray | None:
    """Lift for a return of 1 at each draw, (draw,); None where the test moves nothing.

    Both go with the channel's effect, so their ratio is one of carryover, saturation and geos alone. At a draw whose
    return is next to nothing the median of the others stands in.
    """
    large = np.abs(returns) >= _NEXT_TO_NOTHING * np.median(np.abs(returns))
    large &= returns != 0
    if not large.any():
        return None
    ratio = lifts[large] / returns[large]
    usual = float(np.median(ratio))
    if usual == 0:
        return None
    out = np.full(len(returns), usual)
    out[large] = np.where(np.abs(ratio) < _NEXT_TO_NOTHING * abs(usual), _NEXT_TO_NOTHING * usual, ratio)
    return out


def _alone(weighed: WeighedTest, channel: str) -> WeighedTest:
    """A test of several channels as if one of them alone had been changed."""
    test = weighed.test
    name = f"{test.test_id}, {channel} alone"
    return replace(weighed, test=replace(test, test_id=name, spend={channel: test.spend[channel]}))


def outcome_column(spec: ModelSpec) -> str:
    """What of a claim is compared: revenue, or conversions where nobody can price the KPI."""
    return "revenue" if spec.kpi.kind == "revenue" else "conversions"
