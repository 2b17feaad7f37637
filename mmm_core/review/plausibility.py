"""Whether anybody would believe the answer: the baseline, the returns, effect beside spend."""

from __future__ import annotations

from mmm_core.errors import listed
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


class NegativeBaseline(Check):
    """Media are not credited with more than was sold."""

    name = "negative_baseline"
    severity = "WARN"
    description = "Largest posterior probability, over quarters, that the KPI without media is negative"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        import pandas as pd

        from mmm_core.data.weeks import first_days

        threshold, posterior = self.thresholds.negative_baseline, subject.posterior
        weeks = pd.DatetimeIndex(posterior.data["week"].to_numpy())
        quarter = first_days(weeks, posterior.spec).to_period("Q")
        weekly = subject.baseline_and_mean[0].sum(axis=1)
        chance = {str(q): float((weekly[:, quarter == q].sum(axis=1) < 0).mean()) for q in quarter.unique()}
        quarter_at_fault = max(chance, key=lambda q: chance[q])
        figure = chance[quarter_at_fault]
        message = f"the baseline is negative with probability {figure:.2f} at most ({quarter_at_fault}); "
        message += f"below {threshold} is wanted"
        if not figure < threshold:
            message += ": media are credited with too much, tighten the priors of the largest channels"
        return self.result(figure < threshold, figure, threshold, message)


class RoiPlausible(Check):
    """No return that nobody would believe."""

    name = "roi_plausible"
    severity = "WARN"
    description = "Posterior mean ROI of every paid channel lies within a plausible range"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        low, high = self.thresholds.roi
        means = subject.roi["roi"].mean("draw").sel(channel=list(subject.posterior.spec.paid)).to_series()
        outside = means[(means <= low) | (means >= high)]
        shown = outside if len(outside) else means
        too_low = len(outside) > 0 and bool((outside <= low).all())
        figure = float(shown.min() if too_low else shown.max())
        message = f"mean ROI: {listed((f'{c} {roi:.2f}' for c, roi in shown.items()), 30)}; "
        message += f"between {low:g} and {high:g} is wanted"
        if len(outside):
            message += ": check the spend's unit and currency, then the channel's prior"
        return self.result(outside.empty, figure, low if too_low else high, message)


class ShareOfSpend(Check):
    """Effect and spend are not wildly apart."""

    name = "share_of_spend"
    severity = "WARN"
    description = "Largest gap between a channel's share of paid media's effect and its share of spend"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.share_of_spend
        paid = subject.roi.sel(channel=list(subject.posterior.spec.paid))
        effect = paid["contribution"].mean("draw").to_series()
        spend = paid["spend"].to_series()
        gap = effect / effect.sum() - spend / spend.sum()
        channel = gap.abs().idxmax()
        figure = float(abs(gap[channel]))
        message = (
            f"{channel} has {effect[channel] / effect.sum():.0%} of paid media's effect for "
            f"{spend[channel] / spend.sum():.0%} of its spend; a gap below {threshold:.0%} is wanted"
        )
        if not figure < threshold:
            message += ": ask for a lift test before moving money on it"
        return self.result(figure < threshold, figure, threshold, message)
