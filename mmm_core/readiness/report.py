"""The verdict: ready, or not and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from mmm_core.errors import listed
from mmm_core.posterior.handle import Posterior
from mmm_core.readiness.gates import Gate, Verdict, gates
from mmm_core.readiness.overrides import Override, Overrides, override_of
from mmm_core.readiness.proposal import Proposal, propose
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.readiness_spec import Readiness

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

TABLE = {
    "gate": "name of the gate",
    "question": "what it asks",
    "passed": "whether the figure is within the threshold",
    "figure": "what was found",
    "threshold": "of the model's `readiness:`",
    "message": "the finding in words",
    "overridden": "whether a person lets it pass that has failed",
    "decided_by": "who",
    "decided_on": "when",
    "decided_until": "last as-of week that it holds for",
    "decided_why": "the reason given",
}
"""Columns of the table of gates."""


@dataclass(frozen=True)
class ReadinessReport:
    """What the gates say of a recommended budget.

    Attributes:
        gates: every one; overrides: of those that failed and that somebody lets pass, by gate.
    """

    proposal: Proposal
    gates: tuple[Gate, ...]
    overrides: Mapping[str, Override]

    @property
    def ready(self) -> bool:
        """Whether every gate is passed, or overridden."""
        return not self.closed

    @property
    def closed(self) -> tuple[Gate, ...]:
        """Gates that failed and that nobody lets pass."""
        return tuple(gate for gate in self.gates if not gate.passed and gate.name not in self.overrides)

    @property
    def reasons(self) -> str:
        """Why the budget is not ready, in words; of one that is, what was overridden, "" where nothing was."""
        return self.not_ready_because or self.let_pass

    @property
    def not_ready_because(self) -> str:
        """The gates that are closed, with their messages; "" of a budget that is ready."""
        return "; ".join(f"{gate.name}: {gate.message}" for gate in self.closed)

    @property
    def let_pass(self) -> str:
        """Who lets which gate pass that failed, until when and why; "" where nobody does."""
        return "; ".join(
            f"{name}: let pass by {override.by} on {override.on} until {override.until} ({override.why})"
            for name, override in self.overrides.items()
        )

    @property
    def verdict(self) -> str:
        """One line."""
        if self.closed:
            return f"not ready: {listed([gate.name for gate in self.closed], 20)}"
        return f"ready, {listed(list(self.overrides))} overridden" if self.overrides else "ready"

    def table(self) -> pd.DataFrame:
        """A row a gate, with the columns of `TABLE`."""
        rows = []
        for gate in self.gates:
            override = self.overrides.get(gate.name)
            rows.append(
                {
                    "gate": gate.name,
                    "question": gate.question,
                    "passed": gate.passed,
                    "figure": gate.figure,
                    "threshold": gate.threshold,
                    "message": gate.message,
                    "overridden": override is not None,
                    "decided_by": override.by if override else "",
                    "decided_on": pd.Timestamp(override.on) if override else pd.NaT,
                    "decided_until": pd.Timestamp(override.until) if override else pd.NaT,
                    "decided_why": override.why if override else "",
                }
            )
        days = {"decided_on": "datetime64[ns]", "decided_until": "datetime64[ns]"}
        return pd.DataFrame(rows, columns=list(TABLE)).astype(days)


def readiness(
    tree: xr.DataTree | Posterior,
    recommended: Mapping[str, float],
    review: Sequence[Verdict],
    as_of: date,
    rule: Readiness | None = None,
    overrides: Overrides | None = None,
    budget: Budget | None = None,
    long_term: LongTerm | None = None,
    cells: pd.DataFrame | None = None,
) -> ReadinessReport:
    """Put a recommended budget to the gates.

    Args:
        recommended: spend of each paid channel over the horizon.
        review: the checks of the same posterior's review, by name, severity and whether they passed.
        as_of: as-of week, for which overrides must hold.
        rule: thresholds; default those of the posterior's specification.
        overrides: of `mmm_core.readiness.overrides.read_overrides`.
        budget: that the plan answers; default the model's own.
        long_term: of this posterior, for a budget with `horizon: long`.
        cells: of a plan by week, geo or flighting, as `mmm_core.budget.allocation.Allocation.cells`.

    Raises:
        InputError: spend that is not that of the model's paid channels, or no cells where the budget decides some.
    """
    posterior = Posterior.of(tree)
    rule = rule or posterior.spec.readiness
    proposal = propose(posterior, recommended, budget, long_term, cells)
    found = gates(posterior, proposal, review, rule)
    decided = {
        gate.name: override
        for gate in found
        if not gate.passed and (override := override_of(gate.name, as_of, overrides or {}))
    }
    return ReadinessReport(proposal, found, decided)
