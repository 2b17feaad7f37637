"""What was found of several specifications: their scores side by side, what is chance, and which one to take.

The rule. Specifications rank by the CRPS of their rolling-origin forecasts, in units of the KPI and pooled over
origins, weeks and geos, so that logarithms, levels and engines compare. Recommended is the simplest (fewest unknowns)
of those whose CRPS exceeds the best one's by no more than one standard error of their paired difference, the rule of
Breiman, Friedman, Olshen and Stone (1984), and by no more than a tenth: with few origins a standard error can be so
wide that a forecast half as bad again would lie within it, which is no reason to take it. Whether a difference may be
chance is said beside it, at 5 %, and so is the difference in leave-one-out density. No effect or ROI is ever looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.errors import InputError, listed
from mmm_core.forecast.differences import UNSAID, PairedDifference, paired_difference
from mmm_core.selection.candidate import Candidate
from mmm_core.spec.model_spec import ModelSpec

BEST, CHANCE = "best", "may be chance"
MOST_GIVEN_UP = 0.1
"""Share of the lowest CRPS that is given up for a simpler specification at most."""
RULE = f"within one standard error of the lowest CRPS and {MOST_GIVEN_UP:.0%} of it"


@dataclass(frozen=True)
class Selection:
    """Specifications scored on the same weeks.

    Attributes:
        candidates: as they were tried; some may not have been scored.
        fingerprint: of the table as it was given.
    """

    candidates: tuple[Candidate, ...]
    fingerprint: str

    @cached_property
    def scored(self) -> list[Candidate]:
        """Those with scores, the best first."""
        found = [candidate for candidate in self.candidates if candidate.backtest is not None]
        return sorted(found, key=lambda candidate: float(candidate.crps.mean()))

    def not_judged(self, names: Iterable[str]) -> list[Candidate]:
        """Those of these names that have no scores to be chosen by; their `reason` says why."""
        asked = set(names)
        return [c for c in self.candidates if c.name in asked and c.backtest is None]

    def refuse_empty(self) -> None:
        """Raises: InputError, where nothing could be scored, with every reason."""
        if not self.scored:
            reasons = "".join(f"\n  {candidate.name}: {candidate.reason}" for candidate in self.candidates)
            raise InputError(f"no specification could be fitted{reasons}")

    @property
    def best(self) -> Candidate:
        """The one with the lowest CRPS."""
        return self.scored[0]

    @cached_property
    def differences(self) -> dict[str, PairedDifference]:
        """CRPS of each scored candidate less that of the best."""
        return {
            candidate.name: paired_difference(candidate.crps, self.best.crps) for candidate in self.scored
        }

    @cached_property
    def recommended(self) -> Candidate:
        """The simplest of those that are nearly the best; of equally simple ones the better."""
        near = [candidate for candidate in self.scored if is_near(self.differences[candidate.name])]
        return min(near, key=lambda candidate: candidate.unknowns)

    @property
    def table(self) -> pd.DataFrame:
        """A row a candidate, the best first, those without scores last.

        Columns: model, recommended, crps (KPI units), difference and difference_se (from the best's CRPS, relative to
        it), p_value, verdict (best, may be chance, worse), mape (of the median), coverage_90, elpd (leave-one-out log
        density), elpd_difference and elpd_difference_se (from the best's, over the weeks that both have), unreliable
        (weeks whose k-hat is too high for `elpd`), unknowns, note, reason.
        """
        rows = [self._row(candidate) for candidate in self.scored]
        rows += [
            {"model": candidate.name, "recommended": False, "reason": candidate.reason}
            for candidate in self.candidates
            if candidate.backtest is None
        ]
        return pd.DataFrame(rows)

    @property
    def origins(self) -> list[str]:
        """First week of each origin's forecast."""
        return [str(origin)[:10] for origin in self.best.crps["origin"].to_numpy()]

    @property
    def words(self) -> list[str]:
        """What it comes to, a sentence each."""
        best, chosen = self.best, self.recommended
        of_chosen = chosen.backtest
        assert of_chosen is not None
        if chosen is best:
            first = f"recommended: {chosen.name}, of the lowest CRPS"
            if any(candidate.unknowns < best.unknowns for candidate in self.scored):
                first += f"; nothing simpler comes within one standard error and {MOST_GIVEN_UP:.0%} of it"
        else:
            first = (
                f"recommended: {chosen.name}, the simplest {RULE}, that of {best.name} "
                f"({self.differences[chosen.name].words})"
            )
        equal = [
            c.name for c in self.scored if c is not chosen and self.differences[c.name].verdict == UNSAID
        ]
        lines = [first]
        if len(self.origins) < 2:
            lines.append("one origin says nothing of chance: ask for more of them before you choose by it")
        elif equal:
            lines.append(
                f"the weeks do not tell the best from {listed(equal, 20)}: the difference may be chance"
            )
        lines.append(f"{chosen.name} {of_chosen.words}")
        lines += [self._density_words] if self._density_words else []
        lines.append(
            "scores of what was chosen by them are a little too good; review the fit of it as any other"
        )
        return lines

    @property
    def _density_words(self) -> str:
        """What leave-one-out says against the recommendation, "" where it says nothing against it."""
        better = []
        for candidate in self.scored:
            difference, error, _ = density_difference(candidate, self.recommended)
            if candidate is not self.recommended and difference > max(4.0, 2 * error):
                better.append(f"{candidate.name} (by {difference:.1f}, standard error {error:.1f})")
        if not better:
            return ""
        return (
            f"leave-one-out prefers {listed(better, 5)}: it fills single weeks in, forecasts go on; for decisions "
            "about weeks to come the forecasts count"
        )

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        assert candidate.backtest is not None
        difference = self.differences[candidate.name]
        pooled = candidate.backtest.pooled
        gap, error, unreliable = density_difference(candidate, self.best)
        verdict = CHANCE if difference.verdict == UNSAID else difference.verdict
        return {
            "model": candidate.name,
            "recommended": candidate is self.recommended,
            "crps": pooled["crps"],
            "difference": difference.relative,
            "difference_se": difference.relative_se,
            "p_value": difference.p_value,
            "verdict": BEST if candidate is self.best else verdict,
            "mape": pooled["mape"],
            "coverage_90": pooled["coverage_90"],
            "elpd": candidate.loo.elpd if candidate.loo else np.nan,
            "elpd_difference": gap,
            "elpd_difference_se": error,
            "unreliable": unreliable,
            "unknowns": candidate.unknowns,
            "note": candidate.note,
            "reason": "",
        }


def is_near(difference: PairedDifference) -> bool:
    """Whether a CRPS lies within one standard error of the best one, and within a tenth of it."""
    error = 0.0 if np.isnan(difference.se) else difference.se
    return difference.mean <= error and difference.relative <= MOST_GIVEN_UP


def density_difference(candidate: Candidate, other: Candidate) -> tuple[float, float, int]:
    """Leave-one-out log density of one less that of another, its standard error, and the first's k-hats too high.

    Over the weeks that both were fitted on: a longer `l_max` leaves the first ones out. Densities are of the KPI in its
    own units, that of a logarithm with its Jacobian, so that models in levels and in logarithms compare.
    """
    if candidate.loo is None or other.loo is None:
        return np.nan, np.nan, 0
    gap = (candidate.loo.weeks["elpd"] - other.loo.weeks["elpd"]).to_numpy()
    gap = gap[np.isfinite(gap)]
    return float(gap.sum()), float(np.sqrt(len(gap) * gap.var())), candidate.loo.unreliable


def refuse_incomparable(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates, those that were not scored on the first one's KPI and weeks without their scores.

    What is compared must be the same: a KPI in another unit, another window's end, other geos.
    """
    first = next((candidate for candidate in candidates if candidate.backtest is not None), None)
    if first is None:
        return tuple(candidates)
    return tuple(_comparable(candidate, first) for candidate in candidates)


def other_kpi(spec: ModelSpec, first: Candidate | None) -> str:
    """Why a specification cannot be held beside the first one that was scored; "" where both model one KPI."""
    if first is None or first.spec is None or spec.kpi.column == first.spec.kpi.column:
        return ""
    return (
        f"models {spec.kpi.column}, and {first.name} {first.spec.kpi.column}: scores of two KPIs do not compare: leave "
        "one of them out"
    )


def _comparable(candidate: Candidate, first: Candidate) -> Candidate:
    if candidate.backtest is None or first.backtest is None or candidate.spec is None or first.spec is None:
        return candidate
    actual, its_actual = candidate.backtest.scores["actual"], first.backtest.scores["actual"]
    if reason := other_kpi(candidate.spec, first):
        pass
    elif not all(actual[dim].equals(its_actual[dim]) for dim in ("origin", "ahead", "geo")):
        reason = (
            f"forecasts other weeks or geos than {first.name} (from {str(actual['origin'].to_numpy()[-1])[:10]} on, "
            f"not {str(its_actual['origin'].to_numpy()[-1])[:10]}): give both the same `time: to`, `filter` and `geo`"
        )
    elif not np.allclose(actual, its_actual, equal_nan=True):
        reason = (
            f"the KPI of the same weeks is another than that of {first.name}: give both the same `filter`"
        )
    else:
        return candidate
    return Candidate(candidate.name, candidate.spec, reason=reason)
