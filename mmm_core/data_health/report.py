"""All findings about one table: every family asked in turn."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmm_core.data.arrays import model_data
from mmm_core.data_health.activity import activity
from mmm_core.data_health.collinearity import collinearity
from mmm_core.data_health.coverage import coverage
from mmm_core.data_health.currencies import currencies
from mmm_core.data_health.finding import FAMILIES, WHOLE, Finding, Verdict, findings_table
from mmm_core.data_health.level_shifts import level_shifts
from mmm_core.data_health.missing import missing
from mmm_core.data_health.outliers import outliers
from mmm_core.data_health.ratio import ratio
from mmm_core.data_health.seasonality import seasonality
from mmm_core.data_health.spend_share import spend_share
from mmm_core.data_health.stationarity import stationarity
from mmm_core.data_health.unit_cost import unit_cost
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.errors import InputError
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.spec.model_spec import ModelSpec

WORSE: tuple[Verdict, ...] = ("ok", "warn", "fail")
"""Verdicts, the worst last."""


@dataclass(frozen=True)
class HealthReport:
    """What the diagnostics say of a table.

    Attributes:
        findings: all of them, by family in the order of `FAMILIES`.
    """

    panel: WeeklyPanel
    findings: tuple[Finding, ...]

    def of(self, family: str) -> tuple[Finding, ...]:
        """The findings of one family."""
        return tuple(finding for finding in self.findings if finding.family == family)

    def verdict(self, family: str | None = None) -> Verdict:
        """The worst verdict, of a family or of all; ok where there was nothing to judge."""
        found = self.findings if family is None else self.of(family)
        return max((finding.verdict for finding in found), key=WORSE.index, default="ok")

    @property
    def flagged(self) -> tuple[Finding, ...]:
        """Findings that are not ok, the worst first."""
        return tuple(
            sorted(
                (finding for finding in self.findings if finding.verdict != "ok"),
                key=lambda finding: -WORSE.index(finding.verdict),
            )
        )

    @property
    def words(self) -> str:
        """One line."""
        counts = {verdict: sum(finding.verdict == verdict for finding in self.findings) for verdict in WORSE}
        told = f"{len(self.findings)} findings: {counts['ok']} ok, {counts['warn']} to look at"
        return told + (f", {counts['fail']} that no model should be fitted on" if counts["fail"] else "")

    def table(self) -> pd.DataFrame:
        """A row a finding, with the columns of `mmm_core.data_health.finding.TABLE`."""
        return findings_table(self.findings)


def data_health(
    table: pd.DataFrame,
    spec: ModelSpec,
    source: str = "table",
    delivery: pd.DataFrame | None = None,
    rule: DataHealth | None = None,
) -> HealthReport:
    """Ask every question of a weekly table.

    Args:
        table: one row a week (and geo), as `mmm_core.data.table.check_table` takes it; one it refuses is read as far as
            it goes, and the refusal is a finding.
        delivery: what is known of the sources' deliveries, see `mmm_core.data_health.coverage.coverage`.
        rule: thresholds; default those of the specification.

    Raises:
        InputError: a column is not there or holds text, a date cannot be read, or the rows are no weeks.
    """
    rule = rule or spec.data_health
    panel = WeeklyPanel.of(table, spec, source)
    data, refused = None, panel.refused
    if not refused:
        try:
            data = model_data(table, spec, source)
        except InputError as error:
            refused = str(error)
    found = [
        Finding(
            "contract",
            "refused",
            WHOLE,
            float(bool(refused)),
            0.0,
            "fail",
            f"a fit would refuse it: {refused}",
        )
        if refused
        else Finding("contract", "refused", WHOLE, 0.0, 0.0, "ok", "a fit would take this table")
    ]
    if delivery is not None:
        found += coverage(panel, delivery, rule)
    for question in (missing, outliers, level_shifts, spend_share, activity, unit_cost, collinearity):
        found += question(panel, rule)
    found += currencies(table, panel, source)
    found += stationarity(panel)
    found += seasonality(panel, rule)
    if data is not None:
        found += ratio(data, spec, rule)
    order = list(FAMILIES)
    return HealthReport(panel, tuple(sorted(found, key=lambda finding: order.index(finding.family))))
