"""The review of a posterior: one small class a check, its thresholds as fields, its verdict a `CheckResult`.

A check says its figure, its threshold and, when it fails, what to do. `CHECKS` lists them all and, like this whole
module, imports neither JAX nor ArviZ until a check runs. Thresholds come from the specification's `review:`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from mmm_core.diagnostics.convergence import worst
from mmm_core.errors import listed
from mmm_core.review.subject import PREDICTIVE_DRAWS, Evidence
from mmm_core.spec.model_spec import Review

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Severity = Literal["ERROR", "WARN"]


@dataclass(frozen=True)
class CheckResult:
    """A check's verdict; `figure` is nan where there was nothing to measure."""

    name: str
    severity: Severity
    passed: bool
    figure: float
    threshold: float
    message: str


class CheckInfo(NamedTuple):
    """What is known of a check before it runs."""

    name: str
    severity: Severity
    description: str


class Check(ABC):
    """One question put to a posterior."""

    name: ClassVar[str]
    severity: ClassVar[Severity]
    description: ClassVar[str]

    @abstractmethod
    def run(self, evidence: Evidence) -> CheckResult:
        """The verdict."""

    def result(
        self, passed: bool, figure: float, threshold: float, message: str, severity: Severity | None = None
    ) -> CheckResult:
        """A verdict of this check."""
        return CheckResult(
            self.name, severity or self.severity, bool(passed), float(figure), float(threshold), message
        )

    def without_chains(self, evidence: Evidence, threshold: float) -> CheckResult | None:
        """For a check of how chains mixed: there is nothing to measure where an engine has none."""
        if not evidence.approximate:
            return None
        return self.result(
            True, np.nan, threshold, f"not applicable: approximate engine {evidence.tree.attrs['engine']}"
        )


@dataclass(frozen=True)
class Exact(Check):
    """The answer is the model's, not an approximation of it."""

    name = "exact"
    severity = "ERROR"
    description = (
        "The engine draws from the posterior itself; an approximation is for a quick look, not for use"
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        engine, approximate = evidence.tree.attrs["engine"], evidence.approximate
        if not approximate:
            return self.result(True, 0, 0, f"draws of the posterior itself (engine {engine})")
        message = (
            f"engine {engine} is approximate ({approximate}): fit with `fit: {{engine: numpyro}}` before use"
        )
        return self.result(False, 1, 0, message)


@dataclass(frozen=True)
class RHat(Check):
    """Chains agree with each other."""

    name = "rhat"
    severity = "ERROR"
    description = "Largest rank-normalised R-hat of all monitored quantities, the weekly level included"
    threshold: float = 1.01

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if skipped := self.without_chains(evidence, self.threshold):
            return skipped
        figure, at = worst(evidence.tree, "rhat", largest=True)
        message = f"R-hat is at most {figure:.4f} ({at}); below {self.threshold} is wanted"
        if not figure < self.threshold:
            message += ": raise `fit: warmup` and `draws`, or tighten the priors of the channel named"
        return self.result(figure < self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class EssBulk(Check):
    """Means and medians are precise."""

    name = "ess_bulk"
    severity = "ERROR"
    description = "Smallest bulk effective sample size of all monitored quantities"
    threshold: float = 1000.0

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        return _ess(self, evidence, "bulk", self.threshold)


@dataclass(frozen=True)
class EssTail(Check):
    """Interval ends are precise."""

    name = "ess_tail"
    severity = "ERROR"
    description = "Smallest tail effective sample size of all monitored quantities"
    threshold: float = 1000.0

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        return _ess(self, evidence, "tail", self.threshold)


def _ess(check: Check, evidence: Evidence, kind: str, threshold: float) -> CheckResult:
    if skipped := check.without_chains(evidence, threshold):
        return skipped
    figure, at = worst(evidence.tree, "ess", largest=False, method=kind)
    message = f"{kind} ESS is at least {figure:,.0f} ({at}); more than {threshold:,.0f} is wanted"
    if not figure > threshold:
        message += ": raise `fit: draws`"
    return check.result(figure > threshold, figure, threshold, message)


@dataclass(frozen=True)
class Divergences(Check):
    """The sampler followed the posterior everywhere."""

    name = "divergences"
    severity = "ERROR"
    description = (
        "Share of divergent transitions: none is wanted, a few warn, more than the threshold is an error"
    )
    threshold: float = 0.01

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if skipped := self.without_chains(evidence, self.threshold):
            return skipped
        diverging = evidence.tree["sample_stats"]["diverging"].to_numpy()
        count, share = int(diverging.sum()), float(diverging.mean())
        message = f"{count} of {diverging.size} transitions diverged ({share:.2%})"
        if count:
            message += ": raise `fit: target_accept` or tighten the priors"
        severity: Severity = "ERROR" if share > self.threshold else "WARN"
        return self.result(count == 0, share, self.threshold, message, severity if count else "ERROR")


@dataclass(frozen=True)
class EBfmi(Check):
    """Momentum resampling explores the energy."""

    name = "e_bfmi"
    severity = "WARN"
    description = "Smallest energy Bayesian fraction of missing information of any chain"
    threshold: float = 0.3

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if skipped := self.without_chains(evidence, self.threshold):
            return skipped
        energy = evidence.tree["sample_stats"]["energy"].to_numpy()
        figure = float(((np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1)).min())
        message = f"E-BFMI is at least {figure:.2f}; above {self.threshold} is wanted"
        if not figure > self.threshold:
            message += ": heavy tails slow the sampler down, tighten wide priors"
        return self.result(figure > self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class Mape(Check):
    """The fit is close to the KPI."""

    name = "mape"
    severity = "WARN"
    description = "In-sample mean absolute percentage error of the KPI summed over geos"
    threshold: float = 0.15

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        from mmm_core.forecast.scores import mape

        actual, fitted = evidence.totals
        figure = mape(fitted, actual)
        message = f"in-sample MAPE is {figure:.1%}; below {self.threshold:.0%} is wanted"
        if not figure < self.threshold:
            message += ": look for events, promotions or a data fault in the weeks that fit worst"
        return self.result(figure < self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class RSquared(Check):
    """The fit follows the KPI's movement."""

    name = "r2"
    severity = "WARN"
    description = "In-sample R2 of the KPI summed over geos"
    threshold: float = 0.80

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        actual, fitted = evidence.totals
        figure = 1 - float(((actual - fitted) ** 2).sum() / ((actual - actual.mean()) ** 2).sum())
        message = f"in-sample R2 is {figure:.2f}; above {self.threshold:.2f} is wanted"
        if not figure > self.threshold:
            message += ": much of the KPI is noise to this model, add the controls that move it"
        return self.result(figure > self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class Coverage(Check):
    """Stated uncertainty is the real one."""

    name = "coverage"
    severity = "ERROR"
    description = "Share of observed weeks inside their 95 % posterior predictive interval"
    low: float = 0.90
    high: float = 0.98

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        observed, kpi = evidence.data["observed"].to_numpy(), evidence.data["kpi"].to_numpy()
        lower, upper = np.quantile(evidence.predictive, [0.025, 0.975], axis=0)
        figure = float(((lower <= kpi) & (kpi <= upper))[observed].mean())
        passed = self.low <= figure <= self.high
        message = f"95 % predictive intervals hold {figure:.1%} of the weeks; "
        message += f"{self.low:.0%} to {self.high:.0%} is wanted"
        if figure > self.high:
            message += ": the model claims too much noise or its level follows the noise, tighten `baseline: level_sd`"
        elif not passed:
            message += ": the model is too sure of itself, look for outliers and missing controls"
        return self.result(passed, figure, self.high if figure > self.high else self.low, message)


@dataclass(frozen=True)
class Holdout(Check):
    """It forecasts no worse than someone without a model."""

    name = "holdout"
    severity = "ERROR"
    description = (
        "Held-out weeks: CRPS and MAPE over those of a seasonal-naive and a no-media forecast, worst ratio"
    )
    weeks: int = 13
    threshold: float = 1.0

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if self.weeks == 0:
            return self.result(
                True, np.nan, self.threshold, "turned off by `review: holdout_weeks: 0`", "WARN"
            )
        if not evidence.holdout_scores:
            message = f"not run: the refit without the last {self.weeks} weeks needs the weekly table, pass it along"
            return self.result(False, np.nan, self.threshold, message)
        model, *simple = evidence.holdout_scores
        figure = max(max(model.crps / one.crps, model.mape / one.mape) for one in simple)
        crps = ", ".join(f"{one.name} {_kpi(one.crps)}" for one in simple)
        mape = ", ".join(f"{one.name} {one.mape:.1%}" for one in simple)
        message = f"on the last {self.weeks} weeks, unseen: CRPS {_kpi(model.crps)} ({crps}), "
        message += f"MAPE {model.mape:.1%} ({mape})"
        passed = figure <= self.threshold
        if not passed:
            message += (
                f" (worst ratio {figure:.2f}, at most {self.threshold:g} is wanted): a simpler forecast does "
            )
            message += "better, check the season and the controls, and whether these weeks were ordinary"
        return self.result(passed, figure, self.threshold, message)


def _kpi(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class NegativeBaseline(Check):
    """Media are not credited with more than was sold."""

    name = "negative_baseline"
    severity = "WARN"
    description = "Largest posterior probability, over quarters, that the KPI without media is negative"
    threshold: float = 0.2

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        import pandas as pd

        quarter = pd.DatetimeIndex(evidence.data["week"].to_numpy()).to_period("Q")
        weekly = evidence.baseline_and_mean[0].sum(axis=1)
        chance = {str(q): float((weekly[:, quarter == q].sum(axis=1) < 0).mean()) for q in quarter.unique()}
        at = max(chance, key=lambda q: chance[q])
        figure = chance[at]
        message = f"the baseline is negative with probability {figure:.2f} at most ({at}); "
        message += f"below {self.threshold} is wanted"
        if not figure < self.threshold:
            message += ": media are credited with too much, tighten the priors of the largest channels"
        return self.result(figure < self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class RoiPlausible(Check):
    """No return that nobody would believe."""

    name = "roi_plausible"
    severity = "WARN"
    description = "Posterior mean ROI of every paid channel lies within a plausible range"
    low: float = 0.0
    high: float = 10.0

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        means = evidence.roi["roi"].mean("draw").sel(channel=list(evidence.spec.paid)).to_series()
        outside = means[(means <= self.low) | (means >= self.high)]
        shown = outside if len(outside) else means
        too_low = len(outside) > 0 and bool((outside <= self.low).all())
        figure = float(shown.min() if too_low else shown.max())
        message = f"mean ROI: {listed((f'{c} {roi:.2f}' for c, roi in shown.items()), 30)}; "
        message += f"between {self.low:g} and {self.high:g} is wanted"
        if len(outside):
            message += ": check the spend's unit and currency, then the channel's prior"
        return self.result(outside.empty, figure, self.low if too_low else self.high, message)


@dataclass(frozen=True)
class ShareOfSpend(Check):
    """Effect and spend are not wildly apart."""

    name = "share_of_spend"
    severity = "WARN"
    description = "Largest gap between a channel's share of paid media's effect and its share of spend"
    threshold: float = 0.4

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        paid = evidence.roi.sel(channel=list(evidence.spec.paid))
        effect = paid["contribution"].mean("draw").to_series()
        spend = paid["spend"].to_series()
        gap = effect / effect.sum() - spend / spend.sum()
        at = gap.abs().idxmax()
        figure = float(abs(gap[at]))
        message = (
            f"{at} has {effect[at] / effect.sum():.0%} of paid media's effect for {spend[at] / spend.sum():.0%} of "
            f"its spend; a gap below {self.threshold:.0%} is wanted"
        )
        if not figure < self.threshold:
            message += ": ask for a lift test before moving money on it"
        return self.result(figure < self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class PriorSensitivity(Check):
    """The answer does not hang on how a prior was put."""

    name = "prior_sensitivity"
    severity = "WARN"
    description = "Largest change of a mean ROI when a group of priors is raised to the power 0.8 or 1.25"
    threshold: float = 0.2

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if evidence.approximate:
            message = f"not applicable: approximate engine {evidence.tree.attrs['engine']}"
            return self.result(True, np.nan, self.threshold, message)
        from mmm_core.diagnostics.sensitivity import GROUPS, sensitivity

        found = sensitivity(evidence.tree)
        figure, channel, group = found.largest
        message = f"mean ROIs move by {figure:.0%} at most ({channel}, with the prior of {GROUPS[group]}); "
        message += f"less than {self.threshold:.0%} is wanted"
        if not figure < self.threshold:
            message += f": {found.diagnosis[channel]}; run a lift test, or have that prior agreed on"
        return self.result(figure < self.threshold, figure, self.threshold, message)


@dataclass(frozen=True)
class Identifiability(Check):
    """The data, not the prior, speak, and tell one channel from another."""

    name = "identifiability"
    severity = "WARN"
    description = (
        "Smallest prior-to-posterior contraction of a channel's effect (near 0 the data said nothing), and channels "
        "that cannot be told apart"
    )
    threshold: float = 0.1

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        from mmm_core.diagnostics.identifiability import identify

        found = identify(evidence.tree, weak=self.threshold, roi=evidence.roi)
        known = [one for one in found if np.isfinite(one.contraction)]
        if not known:
            return self.result(True, np.nan, self.threshold, "every channel's effect is fixed by its prior")
        message = "contraction from prior to posterior: "
        message += ", ".join(f"{one.channel} {one.contraction:.2f}" for one in known)
        at_fault = [one for one in known if not one.identified or one.confused]
        plain = [one.channel for one in at_fault if not one.confused and not one.reasons]
        words = [one.sentence for one in at_fault if one.channel not in plain]
        if plain:
            figures = "its figure is its prior's" if len(plain) == 1 else "their figures are their priors'"
            words.insert(0, f"not identified, {figures}: {listed(plain, 30)}")
        if at_fault:
            message += f". {'. '.join(words)}. Run a lift test, or let spend vary"
        return self.result(not at_fault, min(one.contraction for one in known), self.threshold, message)


@dataclass(frozen=True)
class Stability(Check):
    """Last week's answer still stands."""

    name = "stability"
    severity = "WARN"
    description = "Smallest overlap of a channel's 90 % ROI interval with that of the previous posterior"
    threshold: float = 0.5

    def run(self, evidence: Evidence) -> CheckResult:
        """See Check."""
        if evidence.previous is None:
            return self.result(True, np.nan, self.threshold, "no previous posterior to compare with")
        from mmm_core.effects.roi import roi_draws

        before, now = roi_draws(evidence.previous)["roi"], evidence.roi["roi"]
        common = [name for name in evidence.spec.paid if name in before["channel"]]
        if not common:
            return self.result(
                True, np.nan, self.threshold, "the previous posterior has no channel in common"
            )
        overlap, words = {}, {}
        for name in common:
            old, new = (np.quantile(draws.sel(channel=name), [0.05, 0.95]) for draws in (before, now))
            shared = max(0.0, min(old[1], new[1]) - max(old[0], new[0]))
            overlap[name] = shared / max(min(old[1] - old[0], new[1] - new[0]), 1e-12)
            words[name] = f"{name} from [{old[0]:.2f}, {old[1]:.2f}] to [{new[0]:.2f}, {new[1]:.2f}]"
        at = min(overlap, key=lambda name: overlap[name])
        moved = [words[name] for name in common if overlap[name] < self.threshold]
        message = (
            f"ROI intervals overlap by {overlap[at]:.0%} at least ({at}); {self.threshold:.0%} is wanted"
        )
        if moved:
            message += f": {listed(moved, 30)}: find out what changed in the data before acting on it"
        return self.result(not moved, overlap[at], self.threshold, message)


REGISTRY: tuple[type[Check], ...] = (
    Exact, RHat, EssBulk, EssTail, Divergences, EBfmi, Mape, RSquared, Coverage, Holdout,
    PriorSensitivity, NegativeBaseline, RoiPlausible, ShareOfSpend, Identifiability, Stability,
)  # fmt: skip

CHECKS: tuple[CheckInfo, ...] = tuple(CheckInfo(c.name, c.severity, c.description) for c in REGISTRY)
"""Every check's name, severity and description, in the order they run."""


def checks(thresholds: Review) -> tuple[Check, ...]:
    """The checks with the thresholds of a specification's `review:`."""
    return (
        Exact(),
        RHat(thresholds.rhat),
        EssBulk(thresholds.ess_bulk),
        EssTail(thresholds.ess_tail),
        Divergences(thresholds.divergence_share),
        EBfmi(thresholds.e_bfmi),
        Mape(thresholds.mape),
        RSquared(thresholds.r2),
        Coverage(*thresholds.coverage),
        Holdout(thresholds.holdout_weeks),
        PriorSensitivity(thresholds.prior_sensitivity),
        NegativeBaseline(thresholds.negative_baseline),
        RoiPlausible(*thresholds.roi),
        ShareOfSpend(thresholds.share_of_spend),
        Identifiability(thresholds.contraction),
        Stability(thresholds.roi_overlap),
    )


def review(
    tree: xr.DataTree,
    thresholds: Review | Mapping[str, Any] | None = None,
    *,
    table: pd.DataFrame | None = None,
    holdout: xr.DataTree | None = None,
    previous: xr.DataTree | None = None,
    progress: Callable[[Any], None] | None = None,
) -> tuple[CheckResult, ...]:
    """Put every check to a posterior.

    Args:
        tree: the posterior.
        thresholds: those of the specification's `review:` by default; a mapping replaces the ones it names.
        table: the weekly table, for the refit without the last weeks. Without it, and without `holdout`, the holdout
            check fails as not run.
        holdout: that refit, where it is already there.
        previous: an earlier posterior of the model, for the stability check.
        progress: told how far the refit is.

    Returns:
        The verdicts in the order of `CHECKS`.

    Raises:
        InputError: the table was refused.
    """
    from mmm_core.posterior.schema import spec_of

    spec = spec_of(tree)
    if not isinstance(thresholds, Review):
        thresholds = Review.model_validate({**spec.review.model_dump(), **(thresholds or {})})
    if holdout is None and table is not None and thresholds.holdout_weeks:
        from mmm_core.inference.fit import fit

        draws = min(spec.fit.draws, PREDICTIVE_DRAWS // spec.fit.chains)
        holdout = fit(table, spec, progress, holdout_weeks=thresholds.holdout_weeks, draws=draws)
    evidence = Evidence(tree, spec, holdout, previous)
    return tuple(check.run(evidence) for check in checks(thresholds))
