"""The scorecard of a model's tests: each scored, with its status and why; only approved ones calibrate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed, shown
from mmm_core.evidence.approvals import Approval, Approvals
from mmm_core.evidence.check import Doubt, MediaWeeks, doubts, of_model, overlap
from mmm_core.evidence.lift_test import LiftTest, Status, WeighedTest
from mmm_core.evidence.score import Score, score, score_doubts
from mmm_core.evidence.stored import Evidence, SetAside
from mmm_core.spec.calibration_spec import Calibration
from mmm_core.spec.model_spec import ModelSpec


@dataclass(frozen=True)
class ScoredTest:
    """One test of a model, as of one week.

    Attributes:
        test: None where its row could not be read.
        status: approved, needs review or rejected.
        reasons: why it is not approved; empty where it is.
        scores: None where its channels, geos or row are not known.
        approval: the line that decides about it, where there is one.
    """

    test_id: str
    test: LiftTest | None
    status: Status
    reasons: tuple[str, ...]
    scores: Score | None
    approval: Approval | None

    @property
    def weighed(self) -> WeighedTest | None:
        """The test as it calibrates; None where it does not."""
        if self.status != "approved" or self.test is None or self.scores is None:
            return None
        return WeighedTest(self.test, self.scores.inflation)


@dataclass(frozen=True)
class Scorecard:
    """Every test of a model that was known in its as-of week, by name.

    Attributes:
        as_of: first day of the last week of the data.
        unseen: tests whose result was reported later: this vintage does not see them.
        elsewhere: other markets, each with the number of its tests: they are not this model's.
    """

    model: str
    as_of: date
    tests: tuple[ScoredTest, ...]
    unseen: tuple[str, ...]
    elsewhere: tuple[tuple[str, int], ...] = ()

    @cached_property
    def evidence(self) -> Evidence:
        """What calibrates the model, and what was set aside and why."""
        approved = tuple(weighed for scored in self.tests if (weighed := scored.weighed))
        aside = tuple(
            SetAside(scored.test_id, scored.status, scored.reasons)
            for scored in self.tests
            if not scored.weighed
        )
        return Evidence(self.model, self.as_of, approved, aside)

    @property
    def counts(self) -> dict[str, int]:
        """How many tests there are of each status."""
        return {status: sum(scored.status == status for scored in self.tests) for status in COUNTED}

    @property
    def words(self) -> str:
        """How many tests there are of each status, in a sentence."""
        line = (
            ", ".join(f"{count} {status}" for status, count in self.counts.items() if count) or "no lift test"
        )
        if self.unseen:
            line += f"; {len(self.unseen)} reported after the as-of week"
        return line + "".join(f"; {count} of market {market} left out" for market, count in self.elsewhere)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a test, its columns as `TABLE` describes them."""
        rows = [_row(scored) for scored in self.tests]
        table = pd.DataFrame(rows, columns=list(TABLE))
        for column in TABLE:
            if column in _DAYS:
                table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
            elif column in _TEXT:
                table[column] = table[column].astype(object)
            else:
                table[column] = table[column].astype(float)
        return table


COUNTED: tuple[Status, ...] = ("approved", "needs review", "rejected")

TABLE = {
    "test_id": "name of the test",
    "status": "approved (it calibrates the model), needs review or rejected",
    "reasons": "why it is not approved; empty where it is",
    "channels": "tested channels, separated by ';'",
    "geos": "tested geos, separated by ';'; 'all' where it covered every one",
    "start_date": "first day on which spend differed",
    "end_date": "last day on which spend differed",
    "design": "how it was run",
    "outcome": "what was measured: revenue or kpi",
    "incremental_outcome": "outcome with what happened less outcome without the test",
    "standard_error": "its standard error, as reported",
    "incremental_spend": "spend that was tested; negative where it was cut",
    "roi": "incremental_outcome by incremental_spend",
    "inflation": "factor on the standard error: what its quality costs",
    "weight": "share of its information that is left: 1 / inflation squared",
    "calibrating_error": "standard error with which it enters the model",
    "design_quality": "quality of its design by the model's rule, 1 is best",
    "days": "days of its window",
    "power": "|incremental_outcome| in standard errors",
    "weeks_since": "weeks from its last day to the end of the as-of week",
    "spend_ratio": "its daily spend by the model's own in the same geos",
    "pre_period_error": "how far its comparison missed before it began, as a share",
    "contamination": "share of its geos and days in which other channels were tested",
    "decided_by": "who approved or rejected it; null where nobody has",
    "decided_on": "when",
    "decision_note": "why, in their words",
    "source": "who measured it",
}
"""Columns of a scorecard's table, and what they hold."""
_DAYS = ("start_date", "end_date", "decided_on")
_TEXT = ("test_id", "status", "reasons", "channels", "geos", "design", "outcome", "decided_by", "decision_note",
         "source")  # fmt: skip


def scorecard(
    tests: Iterable[LiftTest],
    data: xr.Dataset,
    spec: ModelSpec,
    calibration: Calibration,
    approvals: Approvals,
    as_of: date | None = None,
    *,
    decided_until: date | None = None,
    unreadable: Mapping[str, str] | None = None,
    markets: Collection[str] = (),
) -> Scorecard:
    """Score the tests of a model, in whatever order they come, and say which of them may calibrate it.

    A test is rejected where its row, the model's data or a person says so; it needs review where nobody has approved it
    or the rule asks for a second look; else it is approved.

    Args:
        tests: those of other markets are left out.
        data: of `mmm_core.data.arrays.model_data`.
        approvals: of `mmm_core.evidence.approvals.read_approvals`.
        as_of: first day of the last week that the model sees; default that of the data.
        decided_until: last day on which an approval may be dated. Default: where `as_of` is stated the end of that
            week, as a vintage does not see what was decided later; else today, or the end of the data.
        unreadable: tests whose rows could not be read, and why.
        markets: those there are, so that one that nobody knows is named.

    Raises:
        InputError: two tests of one name, as where a file repeats what the mart holds.
    """
    weeks = MediaWeeks.of(data, spec)
    of_vintage = as_of is not None
    as_of = as_of or weeks.first[-1].date()
    known_until = as_of + timedelta(days=6)
    decided_until = decided_until or (known_until if of_vintage else max(known_until, date.today()))
    tests = tuple(tests)
    _refuse_repeated([*(test.test_id for test in tests), *(unreadable or {})])
    elsewhere = Counter(test.market for test in tests if not of_model(test, spec, markets))
    own = sorted((test for test in tests if of_model(test, spec, markets)), key=lambda test: test.test_id)
    seen = [test for test in own if test.known_on <= known_until]
    scored = [
        _scored(test, seen, weeks, spec, calibration, approvals, as_of, decided_until, markets)
        for test in seen
    ]
    scored += [
        ScoredTest(test_id, None, "rejected", (reason,), None, approvals.get(test_id))
        for test_id, reason in (unreadable or {}).items()
    ]
    decided = tuple(sorted(_without_overlaps(scored), key=lambda each: each.test_id))
    unseen = tuple(test.test_id for test in own if test.known_on > known_until)
    return Scorecard(spec.model, as_of, decided, unseen, tuple(sorted(elsewhere.items())))


def _refuse_repeated(names: list[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InputError(
            f"lift test {listed(map(shown, twice))} is there more than once: take it out of the file beside the "
            "model, or out of the mart"
        )


def _scored(
    test: LiftTest,
    seen: list[LiftTest],
    weeks: MediaWeeks,
    spec: ModelSpec,
    calibration: Calibration,
    approvals: Approvals,
    as_of: date,
    decided_until: date,
    markets: Collection[str],
) -> ScoredTest:
    """A test by itself: what its data, its figures and people say of it."""
    rule = calibration.rule
    found = list(doubts(test, weeks, spec, rule, markets))
    figures = None
    if not any(
        doubt.rule in ("channel", "market") or (doubt.rule, doubt.status) == ("geo", "rejected")
        for doubt in found
    ):
        nearby = [other for other in seen if other.market in ("", test.market)]
        figures = score(test, nearby, weeks, rule, as_of)
        found += score_doubts(figures, rule)
    approval = approvals.get(test.test_id)
    found += _decision(test, approval, rule.accept_status, decided_until)
    status = worst(found)
    reasons = tuple(
        doubt.reason for doubt in sorted(found, key=lambda doubt: COUNTED.index(doubt.status), reverse=True)
    )
    return ScoredTest(test.test_id, test, status, reasons, figures, approval)


def _decision(
    test: LiftTest, approval: Approval | None, accepted: tuple[Status, ...], until: date
) -> list[Doubt]:
    """What people say against a test; nobody having approved it by a day is against it too."""
    if approval and not approval.approves:
        why = f": {approval.why}" if approval.why else ""
        return [Doubt("approval", "rejected", f"{approval.by} rejected it on {approval.on}{why}")]
    if test.status == "rejected":
        return [Doubt("status", "rejected", "its own status is rejected")]
    if approval and approval.on < test.known_on:
        return [
            Doubt(
                "approval",
                "needs review",
                f"approved on {approval.on}, before its result was known on {test.known_on}: approve it again",
            )
        ]
    if approval and approval.on > until and test.status not in accepted:
        return [
            Doubt(
                "approval",
                "needs review",
                f"approved on {approval.on}, and approvals count here up to {until}: it will from then on, or mend its "
                "date",
            )
        ]
    if approval or test.status in accepted:
        return []
    said = "; its status, approved, is no approval" if test.status == "approved" else ""
    return [
        Doubt("approval", "needs review", f"nobody has approved it: add a line to the approvals file{said}")
    ]


def worst(found: Iterable[Doubt]) -> Status:
    """The status that doubts leave a test with."""
    return max((doubt.status for doubt in found), key=COUNTED.index, default="approved")


def _without_overlaps(scored: list[ScoredTest]) -> list[ScoredTest]:
    """Of approved tests that measured the same thing, none calibrates before a person has chosen one."""
    approved = [each for each in scored if each.status == "approved"]
    out = []
    for each in scored:
        rivals = [
            other.test_id
            for other in approved
            if each.status == "approved" and each.test and other.test
            and other.test_id != each.test_id and overlap(each.test, other.test)
        ]  # fmt: skip
        if rivals:
            reason = (
                f"it tested the same channel in the same geos and days as {listed(sorted(rivals))}: reject all but one "
                "in the approvals file"
            )
            each = ScoredTest(each.test_id, each.test, "needs review", (reason,), each.scores, each.approval)
        out.append(each)
    return out


def _row(scored: ScoredTest) -> dict[str, object]:
    """The columns of `TABLE`; None where there is nothing to say."""
    test, figures, approval = scored.test, scored.scores, scored.approval
    row: dict[str, object] = dict.fromkeys(TABLE)
    row |= {"test_id": scored.test_id, "status": scored.status, "reasons": "; ".join(scored.reasons)}
    if test:
        row |= {
            "channels": ";".join(test.channels),
            "geos": ";".join(test.geos) or "all",
            "start_date": test.start,
            "end_date": test.end,
            "design": test.design,
            "outcome": test.outcome,
            "incremental_outcome": test.incremental,
            "standard_error": test.standard_error,
            "incremental_spend": test.incremental_spend,
            "roi": test.incremental / test.incremental_spend if test.incremental_spend else np.nan,
            "days": test.days,
            "source": test.source,
        }
    if figures and test:
        row |= {
            "inflation": figures.inflation,
            "weight": figures.weight,
            "calibrating_error": test.standard_error * figures.inflation,
            "design_quality": figures.quality,
            "power": figures.power,
            "weeks_since": figures.weeks_since,
            "spend_ratio": figures.spend_ratio,
            "pre_period_error": figures.pre_period_error,
            "contamination": figures.contamination,
        }
    if approval:
        row |= {"decided_by": approval.by, "decided_on": approval.on, "decision_note": approval.why}
    return row
