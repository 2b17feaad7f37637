"""The gates: each a question with a figure, a threshold and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmm_core.budget.change import percent
from mmm_core.diagnostics.identifiability import identify
from mmm_core.errors import listed
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by
from mmm_core.readiness.proposal import Proposal
from mmm_core.spec.readiness_spec import Readiness

CONVERGENCE = ("exact", "rhat", "ess_bulk", "ess_tail", "divergences")
"""Checks of the review that ask whether the draws can be used at all: part of it, and a gate of their own, so that a
budget that waits for a longer run is told from one whose model is wrong."""

GATES: dict[str, str] = {
    "review": "Does the model pass its review?",
    "convergence": "Have the chains converged?",
    "history": "Has the model seen enough weeks?",
    "evidence": "Do tests or data speak for the channels whose spend moves?",
    "moved": "Is the move small enough to be undone?",
    "channel_change": "Does no channel change too much at once?",
    "extrapolation": "Does every channel stay where the model has seen it?",
    "probability": "Is a gain likely?",
    "profit": "Is it worth the money?",
}
"""Every gate by name, in the order in which they are told."""


class Verdict(NamedTuple):
    """A check of the review: its name, ERROR or WARN, and whether it passed."""

    name: str
    severity: str
    passed: bool


@dataclass(frozen=True)
class Gate:
    """One gate's verdict.

    Attributes:
        figure, threshold: in what the message says; of review and convergence, checks that failed and 0.
    """

    name: str
    passed: bool
    figure: float
    threshold: float
    message: str

    @property
    def question(self) -> str:
        """What it asks."""
        return GATES[self.name]


def gates(
    posterior: Posterior, proposal: Proposal, review: Sequence[Verdict], rule: Readiness
) -> tuple[Gate, ...]:
    """Every gate of a recommended budget.

    Args:
        review: every check of the posterior's review.
    """
    margin = rule.margin
    if margin is None and proposal.outcome == "revenue":
        margin = 1.0  # all of revenue, where nobody has said what is left of it
    return (
        _checks("review", review, "the review"),
        _checks("convergence", [check for check in review if check.name in CONVERGENCE], "convergence"),
        _history(proposal, rule.history_weeks),
        _evidence(posterior, proposal, rule.unproven),
        _moved(proposal, rule.moved),
        _channels("channel_change", proposal, proposal.channel_change, rule.channel_change),
        _channels("extrapolation", proposal, proposal.extrapolation, rule.extrapolation),
        _probability(proposal, rule, margin),
        _profit(proposal, rule, margin),
    )


def _checks(name: str, checks: Sequence[Verdict], of: str) -> Gate:
    failed = [check.name for check in checks if check.severity == "ERROR" and not check.passed]
    if not checks:
        return Gate(name, False, float("nan"), 0.0, f"no check of {of} was run")
    words = f"{listed(failed, 20)} failed"
    if not failed:
        blocking = sum(check.severity == "ERROR" for check in checks)
        words = f"no check of {of} failed that blocks ({blocking} of {len(checks)} do)"
    return Gate(name, not failed, float(len(failed)), 0.0, words)


def _history(proposal: Proposal, least: int) -> Gate:
    return Gate(
        "history",
        proposal.history >= least,
        float(proposal.history),
        float(least),
        f"{plural(proposal.history, 'week')} modelled, at least {least} wanted",
    )


def _evidence(posterior: Posterior, proposal: Proposal, most: float) -> Gate:
    """Share of the moved money on channels that neither a test nor the data tell anything of."""
    evidence = calibrated_by(posterior)
    tested = {
        channel for weighed in (evidence.tests if evidence else ()) for channel in weighed.test.channels
    }
    told = {
        channel.channel
        for channel in identify(posterior, weak=posterior.spec.review.contraction)
        if channel.identified and not channel.confused
    }
    moved = proposal.moved
    silent = [
        (channel, money)
        for channel, money in zip(proposal.channels, moved, strict=True)
        if money > 0 and channel not in tested | told
    ]
    share = float(sum(money for _, money in silent) / moved.sum()) if moved.sum() > 0 else 0.0
    of = [channel for channel, _ in silent]
    words = f"{share:.0%} of the moved money is on channels that neither a lift test nor the data speak for"
    words += f" ({listed(of)})" if of else ""
    return Gate("evidence", share <= most, share, most, f"{words}, at most {most:.0%} wanted")


def _moved(proposal: Proposal, most: float) -> Gate:
    share = proposal.moved_share
    counted = f", counted by channel and {proposal.decided}" if proposal.decided else ""
    period = plural(proposal.weeks, "week's", "weeks'")
    words = f"{share:.0%} of the last {period} spend is spent otherwise{counted}, at most {most:.0%} wanted"
    return Gate("moved", share <= most, share, most, words)


def _channels(name: str, proposal: Proposal, figures: np.ndarray, most: float) -> Gate:
    """A figure of every channel, none of which may be beyond a limit."""
    worst = int(np.argmax(figures))
    beyond = [
        channel for channel, figure in zip(proposal.channels, figures, strict=True) if figure > most + 1e-9
    ]
    channel, figure = proposal.channels[worst], float(figures[worst])
    if name == "channel_change":
        told = "spend where there was none" if np.isinf(figure) else f"a change of {figure:.0%}"
        words = f"{channel} has the largest change: {told}, at most {most:.0%} wanted"
    else:
        told = (
            "weeks with spend, which it never had"
            if np.isinf(figure)
            else f"a week of {figure:.2f} times its highest"
        )
        words = f"{channel} goes furthest: {told}, at most {most:g} times wanted"
    words += f"; beyond: {listed(beyond, 20)}" if len(beyond) > 1 else ""
    return Gate(name, not beyond, figure, most, words)


def _probability(proposal: Proposal, rule: Readiness, margin: float | None) -> Gate:
    chance = float((proposal.more_profit(margin) > 0).mean())
    words = (
        f"a gain over the last period's spend has probability {percent(chance)}, at least {100 * rule.probability:g} % "
        "wanted"
    )
    return Gate("probability", chance >= rule.probability, chance, rule.probability, words)


def _profit(proposal: Proposal, rule: Readiness, margin: float | None) -> Gate:
    more = proposal.more_profit(margin)
    gain = float(more.mean())
    low, high = np.quantile(more, [0.05, 0.95])
    what = proposal.outcome if margin is None else f"profit (margin {margin:g})"
    words = f"{what} changes by {gain:,.0f} ({low:,.0f} to {high:,.0f}), at least {rule.profit:,.0f} wanted"
    return Gate("profit", gain >= rule.profit, gain, rule.profit, words)
