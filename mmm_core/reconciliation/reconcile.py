"""Model, lift tests and attribution of one posterior: compared, averaged and fused, channel by channel.

Two answers stand side by side. The weighted average takes the sources as independent, with weights that are stated.
The fusion takes the posterior's draws as the prior, tests that the posterior has not seen as likelihoods with their
inflated errors, and claims as a likelihood with a bias of their own; see `density` and `bias`. Sources that disagree by
more than chance are flagged, and so is every figure made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import listed
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import return_name
from mmm_core.posterior.schema import calibrated_by
from mmm_core.reconciliation.average import Weighted, weighted
from mmm_core.reconciliation.bias import Bias, Claimed, learned
from mmm_core.reconciliation.density import Density, Kernels, fused, of_tests
from mmm_core.reconciliation.disagreement import Pair, holm, pairs_of
from mmm_core.reconciliation.reports import LEFT_OUT, Report, claimed_of, of_the_model, reports_of
from mmm_core.reconciliation.sources import (
    DRAWS,
    ChannelTest,
    channel_tests,
    compared_weeks,
    model_returns,
)
from mmm_core.spec.reconciliation_spec import ReconciliationRule

DISAGREE = "sources disagree"


@dataclass(frozen=True)
class ChannelReconciliation:
    """What is known of one channel's return over the compared weeks.

    Attributes:
        spend: of the model's table.
        model: (draw,), the posterior's returns.
        tests: by name, those that the posterior has seen among them.
        reports: what is claimed, used or not. claimed: what is used of it; None without.
        bias: what other channels say of the bias of claims; None without.
        weighted, fused: the two answers.
        pairs: every pair of its sources.
        level: of the adjusted p-values below which a pair disagrees.
    """

    channel: str
    spend: float
    model: np.ndarray
    tests: tuple[ChannelTest, ...]
    reports: tuple[Report, ...]
    claimed: Claimed | None
    bias: Bias | None
    weighted: Weighted
    fused: Density
    pairs: tuple[Pair, ...]
    level: float

    @property
    def new_tests(self) -> tuple[ChannelTest, ...]:
        """Tests that the posterior has not seen."""
        return tuple(test for test in self.tests if not test.seen)

    @property
    def disagreeing(self) -> tuple[Pair, ...]:
        """Pairs that disagree by more than chance."""
        return tuple(pair for pair in self.pairs if pair.adjusted < self.level)

    @property
    def measured(self) -> Density | None:
        """What the new tests say by themselves; where there is none, those that the posterior has seen."""
        return of_tests([test.likelihood for test in self.new_tests or self.tests])

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if found := self.disagreeing:
            return f"{DISAGREE}: " + "; ".join(
                f"{pair.first} and {pair.second} (p {pair.adjusted:.2g})" for pair in found
            )
        words = "no more apart than chance" if self.pairs else "the model alone"
        if self.tests and not self.new_tests:
            words += "; its tests are in the posterior already"
        return words


@dataclass(frozen=True)
class Reconciliation:
    """The sources of a model's channels, side by side.

    Attributes:
        returns: what a return is, such as "revenue per unit of spend".
        approximate: what is approximate about the posterior; "" where nothing is.
        first, last: first day of the first and of the last compared week. weeks: how many.
        left_out: claims of the market that no channel of the model has, or that are not used; columns `LEFT_OUT`.
        unused_tests: approved tests with no channel that could be compared, and why.
    """

    model: str
    returns: str
    approximate: str
    first: pd.Timestamp
    last: pd.Timestamp
    weeks: int
    rule: ReconciliationRule
    channels: tuple[ChannelReconciliation, ...]
    left_out: pd.DataFrame
    unused_tests: dict[str, str]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of sources of every channel."""
        return tuple(pair for channel in self.channels for pair in channel.pairs)

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """Channels whose sources disagree by more than chance."""
        return tuple(channel.channel for channel in self.channels if channel.disagreeing)

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        pairs = len(self.pairs)
        if not pairs:
            return "nothing to compare: no channel has a second source"
        among = f"of {pairs} pair{'s' if pairs > 1 else ''}, held to {self.rule.disagreement:g} for all together (Holm)"
        if not self.disagreeing:
            return f"no sources disagree by more than chance, {among}"
        return f"{DISAGREE} on {listed(self.disagreeing)}, {among}"


def reconcile(
    tree: xr.DataTree | Posterior,
    tests: Sequence[WeighedTest] = (),
    claims: pd.DataFrame | None = None,
    rule: ReconciliationRule | None = None,
    currency: str | None = None,
) -> Reconciliation:
    """Hold a posterior's returns, lift tests and attribution against each other.

    Args:
        tree: the posterior. Tests that it was calibrated with are compared, and count no second time.
        tests: approved ones; those that the posterior has seen may be among them.
        claims: of `mmm_core.reconciliation.claims.claims_in`.
        rule: default the one of the posterior's specification.
        currency: of the model's table; default that of the specification's rule of evidence.

    Raises:
        InputError: claims that cannot be compared with the model, a test that does not fit it.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    rule = rule or spec.reconciliation
    seen = _seen(tree)
    ours, left_out = None, pd.DataFrame(columns=list(LEFT_OUT))
    if claims is not None:
        ours, left_out = of_the_model(
            claims, posterior, rule.attribution, currency or spec.calibration.rule.currency
        )
    compared = compared_weeks(posterior, ours, rule.weeks)
    draws = posterior.thinned(DRAWS)
    returns, spend = model_returns(posterior, draws, compared)
    everything = [*seen, *(each for each in tests if each.test.test_id not in {s.test.test_id for s in seen})]
    tested = channel_tests(posterior, draws, returns, everything, [each.test.test_id for each in seen])
    reports = {} if ours is None else reports_of(ours, posterior, compared, rule.attribution)
    channels = _channels(returns, spend, tested, reports, rule)
    compared_tests = {test.test_id for of_channel in tested.values() for test in of_channel}
    return Reconciliation(
        spec.model,
        return_name(spec),
        posterior.approximate,
        compared.first,
        compared.last,
        len(compared.positions),
        rule,
        channels,
        left_out,
        {
            each.test.test_id: f"no spend on {listed(each.test.channels)} in the compared weeks"
            for each in sorted(everything, key=lambda weighed: weighed.test.test_id)
            if each.test.test_id not in compared_tests
        },
    )


def _channels(
    returns: dict[str, np.ndarray],
    spend: dict[str, float],
    tested: dict[str, tuple[ChannelTest, ...]],
    reports: dict[str, tuple[Report, ...]],
    rule: ReconciliationRule,
) -> tuple[ChannelReconciliation, ...]:
    """Every channel with spend in the compared weeks, in the model's order."""
    priors = {channel: Kernels.of(draws) for channel, draws in returns.items()}
    new = {
        channel: [test.likelihood for test in tested.get(channel, ()) if not test.seen] for channel in returns
    }
    claimed = {
        channel: claim for channel in returns if (claim := claimed_of(reports.get(channel, ()))) is not None
    }
    known = {channel: fused(priors[channel], new[channel]) for channel in returns}
    from_these = {"all": list(returns), "tests": list(tested), "none": []}[rule.attribution.learn_from]
    biases = learned(rule.attribution.bias, claimed, known, from_these)
    found = []
    for channel, draws in returns.items():
        claim, bias = claimed.get(channel), biases.get(channel)
        sources = {"model": (float(draws.mean()), float(draws.std()))}
        if (measured := of_tests(new[channel])) is not None:
            sources["tests"] = (measured.mean, measured.sd)
        answer = known[channel]
        if claim is not None and bias is not None:
            sources["attribution"] = bias.corrected(claim), bias.error(claim, known[channel].mean)
            answer = fused(priors[channel], [*new[channel], bias.likelihood(claim)])
        tests = tested.get(channel, ())
        pairs = tuple(pairs_of(channel, draws, tests, claim, bias))
        found.append(
            ChannelReconciliation(
                channel, spend[channel], draws, tests, reports.get(channel, ()), claim, bias,
                weighted(sources, rule.weights), answer, pairs, rule.disagreement,
            )
        )  # fmt: skip
    return _adjusted(found)


def _adjusted(channels: list[ChannelReconciliation]) -> tuple[ChannelReconciliation, ...]:
    """The channels with p-values that have all pairs of the model in mind."""
    steps = iter(holm([pair.p for channel in channels for pair in channel.pairs]))
    return tuple(
        replace(channel, pairs=tuple(replace(pair, adjusted=float(next(steps))) for pair in channel.pairs))
        for channel in channels
    )


def _seen(tree: xr.DataTree | Posterior) -> tuple[WeighedTest, ...]:
    """The tests that a posterior was calibrated with."""
    evidence = calibrated_by(tree)
    return evidence.tests if evidence else ()
