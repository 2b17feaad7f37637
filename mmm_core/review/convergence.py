"""Whether the draws are the posterior's: an exact engine, chains that agree, a sampler that went everywhere."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mmm_core.review.check import Check, CheckResult, Severity
from mmm_core.review.subject import Subject
from mmm_core.spec.fit_spec import Fit

USUAL_DRAWS = Fit().draws
"""Draws of each of four chains with which R-hat of a sound posterior stays below 1.01: figures in docs/gates.md."""


class Exact(Check):
    """The answer is the model's, not an approximation of it."""

    name = "exact"
    severity = "ERROR"
    description = (
        "The engine draws from the posterior itself; an approximation is for a quick look, not for use"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        engine, approximate = subject.posterior.engine, subject.posterior.approximate
        if not approximate:
            return self.result(True, 0, 0, f"draws of the posterior itself (engine {engine})")
        message = (
            f"engine {engine} is approximate ({approximate}): fit with `fit: {{engine: numpyro}}` before use"
        )
        return self.result(False, 1, 0, message)


class RHat(Check):
    """Chains agree with each other."""

    name = "rhat"
    severity = "ERROR"
    description = "Largest rank-normalised R-hat of all monitored quantities, the weekly level included"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.rhat
        if skipped := self.where_approximate(subject, threshold):
            return skipped
        figure, quantity = subject.posterior.mixing.worst("rhat")
        message = f"R-hat is at most {figure:.4f} ({quantity}); below {threshold} is wanted"
        if not figure < threshold:
            draws = subject.posterior.draws_a_chain
            usual = f" ({draws:,} a chain, {USUAL_DRAWS:,} are usual)" if draws < USUAL_DRAWS else ""
            message += (
                f": raise `fit: draws`{usual} and `target_accept`, or tighten the priors of the channel named"
            )
        return self.result(figure < threshold, figure, threshold, message)


class EssBulk(Check):
    """Means and medians are precise."""

    name = "ess_bulk"
    severity = "ERROR"
    description = "Smallest bulk effective sample size of all monitored quantities"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        return _ess(self, subject, "bulk", self.thresholds.ess_bulk)


class EssTail(Check):
    """Interval ends are precise."""

    name = "ess_tail"
    severity = "ERROR"
    description = "Smallest tail effective sample size of all monitored quantities"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        return _ess(self, subject, "tail", self.thresholds.ess_tail)


def _ess(check: Check, subject: Subject, kind: Literal["bulk", "tail"], threshold: float) -> CheckResult:
    if skipped := check.where_approximate(subject, threshold):
        return skipped
    figure, quantity = subject.posterior.mixing.worst("ess_bulk" if kind == "bulk" else "ess_tail")
    message = f"{kind} ESS is at least {figure:,.0f} ({quantity}); more than {threshold:,.0f} is wanted"
    if not figure > threshold:
        message += ": raise `fit: draws`"
    return check.result(figure > threshold, figure, threshold, message)


class Divergences(Check):
    """The sampler followed the posterior everywhere."""

    name = "divergences"
    severity = "ERROR"
    description = (
        "Share of divergent transitions: none is wanted, a few warn, more than the threshold is an error"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.divergence_share
        if skipped := self.where_approximate(subject, threshold):
            return skipped
        diverging = subject.posterior.sample_stats["diverging"].to_numpy()
        count, share = int(diverging.sum()), float(diverging.mean())
        message = f"{count} of {diverging.size} transitions diverged ({share:.2%})"
        if count:
            message += ": raise `fit: target_accept` or tighten the priors"
        severity: Severity = "ERROR" if share > threshold else "WARN"
        return self.result(count == 0, share, threshold, message, severity if count else "ERROR")


class EBfmi(Check):
    """Momentum resampling explores the energy."""

    name = "e_bfmi"
    severity = "WARN"
    description = "Smallest energy Bayesian fraction of missing information of any chain"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.e_bfmi
        if skipped := self.where_approximate(subject, threshold):
            return skipped
        energy = subject.posterior.sample_stats["energy"].to_numpy()
        figure = float(((np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1)).min())
        message = f"E-BFMI is at least {figure:.2f}; above {threshold} is wanted"
        if not figure > threshold:
            message += ": heavy tails slow the sampler down, tighten wide priors"
        return self.result(figure > threshold, figure, threshold, message)
