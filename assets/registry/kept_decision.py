"""Gates of a promotion and what came of them, kept for `rpt_promotion`: also of versions that were refused."""

from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.stores import ResultStore
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.promotion.decision import Decision

PROMOTION = "promotion"
"""Where `champion` keeps it, and its table in the schema `results`."""

REFUSED, PROMOTED, ACCEPTED, PAST_WEEK = "refused", "promoted", "accepted", "past week"
LIVE = (PROMOTED, ACCEPTED)
"""Outcomes after which a version was live."""


def keep_decision(run: Stage, results: ResultStore, decision: "Decision", may_move: bool) -> None:
    """Keep what was decided of a stage's version in place of what was decided of its vintage before.

    Args:
        may_move: whether the version's week is none of the past, which is compared and promotes nothing.
    """
    table = run.labelled(decision_rows(decision, may_move))
    results.versions(PROMOTION).point(run.vintage, results.keep(PROMOTION, run.vintage, table))


def was_promoted(results: ResultStore, vintage: Vintage, posterior_version: str) -> bool:
    """Whether a posterior was promoted, as of its own week or by somebody's word, when that was decided last.

    Raises:
        Damaged: what was kept is not what was written.
    """
    kept = results.read(PROMOTION, vintage)
    if kept is None:
        return False
    return bool(kept["posterior_version"].eq(posterior_version).all() & kept["outcome"].isin(LIVE).all())


def decision_rows(decision: "Decision", may_move: bool) -> "pd.DataFrame":
    """A row a gate; the outcome is of all of them, and who accepted is named where somebody had to."""
    import pandas as pd

    from mmm_core.promotion.gates import OF_STABILITY, OF_THE_BACKTEST

    asked = {**OF_THE_BACKTEST, **OF_STABILITY}
    accepted = decision.accepted if decision.failed else None
    return pd.DataFrame(
        {
            "gate": [gate.name for gate in decision.gates],
            "question": [asked[gate.name] for gate in decision.gates],
            "passed": [bool(gate.passed) for gate in decision.gates],
            "figure": [float(gate.figure) for gate in decision.gates],
            "message": [gate.message for gate in decision.gates],
            "outcome": _outcome(decision, may_move),
            "accepted_by": accepted.by if accepted else None,
            "accepted_why": accepted.why if accepted else None,
        }
    )


def _outcome(decision: "Decision", may_move: bool) -> str:
    if not may_move:
        return PAST_WEEK
    if not decision.failed:
        return PROMOTED
    return ACCEPTED if decision.promotes else REFUSED
