"""A posterior's findings: what `mmm report` and an orchestrator's stage make a report from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from mmm_core.budget.allocation import allocate
from mmm_core.data.arrays import last_day
from mmm_core.data.weeks import first_days
from mmm_core.diagnostics.convergence import unconverged
from mmm_core.diagnostics.identifiability import identify
from mmm_core.effects.curves import response_curves
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.inference.version import version_of
from mmm_core.long_term.identification import told_from_none
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import outcome_name
from mmm_core.posterior.schema import calibrated_by
from mmm_core.readiness.gates import Verdict
from mmm_core.readiness.overrides import overrides_beside
from mmm_core.readiness.report import readiness
from mmm_core.report.change import Change, change
from mmm_core.report.findings import Backing, Findings, Recommendation, Subject
from mmm_core.report.manifest import manifest
from mmm_core.report.moves import probability_right
from mmm_core.review import review
from mmm_core.scenarios.report import SINCE, evaluate_scenarios
from mmm_core.scenarios.rows import rows_of
from mmm_core.scenarios.since import since
from mmm_core.source import source_hash
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.scenarios.recommendation import Recommendation as Earlier


def findings_of(
    tree: xr.DataTree,
    spec: ModelSpec | None = None,
    folder: Path | None = None,
    table: pd.DataFrame | None = None,
    previous: xr.DataTree | None = None,
    progress: Callable[[Progress], None] | None = None,
    name: str = "the posterior",
    source: str = "table",
    long_term: LongTerm | None = None,
    earlier: Sequence[Earlier] = (),
) -> Findings:
    """Everything that a posterior alone tells.

    Args:
        spec: whose budget, readiness and review count; default the posterior's own.
        folder: of its YAML, where its file of overrides lies; without it nobody lets a gate pass.
        table: the weekly table, for the review's refits, and those that tell why figures changed.
        previous: the posterior of the last report.
        name, source: what to call the posterior and the table in messages.
        long_term: of this posterior, for a budget with `horizon: long`.
        earlier: recommendations that what was spent since is held against.

    Raises:
        InputError: the table was refused or is another than the posterior's, a budget that no plan meets, a previous
            posterior of another model, or an earlier recommendation that nothing can be held against.
    """
    posterior = Posterior.of(tree)
    spec = spec or posterior.spec
    for made in earlier:
        since(posterior, made, spec.budget)  # refused before anything is worked out
    subject = subject_of(posterior, spec)
    recommendation = Recommendation.of(allocate(posterior, spec.budget, long_term=long_term))
    rule = spec.review if table is not None else spec.review.model_copy(update={"holdout_weeks": 0})
    checks = review(tree, rule, table=table, previous=previous, progress=progress, name=name, source=source)
    gates = readiness(
        posterior,
        dict(
            zip(recommendation.channels["channel"], recommendation.channels["recommended_spend"], strict=True)
        ),
        [Verdict(check.name, check.severity, check.passed) for check in checks],
        subject.as_of,
        spec.readiness,
        overrides_beside(spec, folder) if folder else {},
        spec.budget,
        long_term,
        recommendation.cells,
    ).table()
    returns, curves = (
        roi_table(posterior),
        response_curves(posterior, budget=spec.budget),
    )
    plans = scenarios_of(posterior, spec, folder, recommendation, long_term, earlier)
    tables: dict[str, pd.DataFrame | None] = {
        "roi": returns,
        "curves": curves,
        "allocation": recommendation.channels,
        "readiness": gates,
        "review": review_table(checks),
        "evidence": tests_of(posterior),
        "scenarios": plans,
    }
    changed = change(previous, tree, table, progress, source) if previous is not None else None
    return Findings(
        change=changed,
        subject=subject,
        recommendation=recommendation,
        roi=returns,
        curves=curves,
        backing=backing_of(posterior),
        right=chances(posterior, recommendation, spec, long_term),
        long_term=None if long_term is None else long_term.roi(),
        long_told={} if long_term is None else told_from_none(long_term.roi()),
        gates=gates,
        review=tables["review"],
        tests=tables["evidence"],
        scenarios=plans,
        manifest=manifest(
            posterior, version_of(posterior), page_source(), tables, previous=compared(changed)
        ),
    )


def compared(changed: Change | None) -> dict[str, Any] | None:
    """What a manifest says of the version that a report compares with."""
    if changed is None:
        return None
    return {
        "version": changed.before,
        "as_of": changed.as_of,
        "changed": list(changed.differs),
        "steps": changed.steps,
        "refits": changed.refits,
        "draws": changed.draws,
    }


def chances(
    posterior: Posterior,
    recommendation: Recommendation,
    spec: ModelSpec,
    long_term: LongTerm | None = None,
) -> dict[str, float]:
    """The chance of each move that it is right, in what the plan counts; none where that is no longer known.

    Args:
        long_term: of this posterior, for a plan that is made for the long term as well.
    """
    if recommendation.horizon == "long" and long_term is None:
        return {}
    counted = {"weeks": recommendation.weeks, "horizon": recommendation.horizon}
    budget = spec.budget.model_copy(update=counted)
    return probability_right(posterior, recommendation.channels, budget, spec.profit_margin, long_term)


def scenarios_of(
    posterior: Posterior,
    spec: ModelSpec,
    folder: Path | None,
    recommendation: Recommendation,
    long_term: LongTerm | None = None,
    earlier: Sequence[Earlier] = (),
) -> pd.DataFrame | None:
    """Plans and sweep of a YAML's `scenarios:` beside the current and the recommended plan, and what was spent since.

    None where there is none of them.

    Args:
        long_term: of this posterior, for a budget with `horizon: long`.
        earlier: recommendations that what was spent since is held against.

    Raises:
        InputError: an earlier recommendation that nothing can be held against.
    """
    if not (spec.scenarios.plans or spec.scenarios.sweep or earlier):
        return None
    plan = recommendation.channels
    found = evaluate_scenarios(
        posterior,
        spec.scenarios,
        spec.budget,
        spec.margin,
        folder=folder,
        published=dict(zip(plan["channel"], plan["recommended_spend"], strict=True)),
        earlier=earlier,
        tolerant=True,
        long_term=long_term,
    )
    if len(found.followed) < len(earlier):  # who names a file is told why nothing is said of it
        raise InputError("; ".join(why for name, why in found.left_out.items() if name.startswith(SINCE)))
    return rows_of(found)


def page_source() -> str:
    """Hash of the source that works out a report's figures and writes it."""
    return source_hash(["mmm_core.report.gather", "mmm_core.report.texts"])


def subject_of(posterior: Posterior, spec: ModelSpec | None = None) -> Subject:
    """What the model is of.

    Args:
        spec: where currency and margin are read from as a YAML has them now; default the posterior's.
    """
    spec = spec or posterior.spec
    weeks = first_days(pd.DatetimeIndex(posterior.data["week"].to_numpy()), posterior.spec)
    return Subject(
        model=posterior.model,
        as_of=weeks[-1].date(),
        ends=last_day(posterior.data),
        begins=weeks[0].date(),
        weeks=int(posterior.data.sizes["week"]),
        geos=int(posterior.data.sizes["geo"]),
        outcome=outcome_name(posterior.spec),
        currency=spec.budget.currency or spec.calibration.rule.currency,
        margin=spec.profit_margin,
        approximate=posterior.approximate,
        not_converged=unconverged(posterior),
    )


def backing_of(posterior: Posterior) -> dict[str, Backing]:
    """What each paid channel's return rests on."""
    evidence = calibrated_by(posterior)
    tested = [
        channel for weighed in (evidence.tests if evidence else ()) for channel in weighed.test.channels
    ]
    return {
        found.channel: Backing(
            tested.count(found.channel), found.identified and not found.confused, found.sentence
        )
        for found in identify(posterior)
        if found.channel in posterior.spec.paid
    }


def tests_of(posterior: Posterior) -> pd.DataFrame | None:
    """The lift tests that a posterior saw and those set aside, as a scorecard has them; None where none was."""
    evidence = calibrated_by(posterior)
    if evidence is None:
        return None
    rows: list[dict[str, Any]] = [
        {
            "test_id": weighed.test.test_id,
            "status": "approved",
            "reasons": "",
            "channels": ";".join(weighed.test.channels),
            "start_date": pd.Timestamp(weighed.test.start),
            "end_date": pd.Timestamp(weighed.test.end),
            "outcome": weighed.test.outcome,
            "incremental_outcome": weighed.test.incremental,
            "calibrating_error": weighed.test.standard_error * weighed.inflation,
            "weight": weighed.inflation**-2.0,
            "calibrates": True,
        }
        for weighed in evidence.tests
    ]
    rows += [
        {
            "test_id": aside.test_id,
            "status": aside.status,
            "reasons": "; ".join(aside.reasons),
            "channels": "",
            "start_date": pd.NaT,
            "end_date": pd.NaT,
            "outcome": "",
            "incremental_outcome": float("nan"),
            "calibrating_error": float("nan"),
            "weight": float("nan"),
            "calibrates": False,
        }
        for aside in evidence.set_aside
    ]
    return pd.DataFrame(rows)


def review_table(checks: Sequence[Any]) -> pd.DataFrame:
    """Verdicts of `mmm_core.review.review` as the graph keeps them: a row a check."""
    return pd.DataFrame(
        {
            "check_name": [check.name for check in checks],
            "severity": [check.severity for check in checks],
            "passed": [bool(check.passed) for check in checks],
            "figure": [float(check.figure) for check in checks],
            "threshold": [float(check.threshold) for check in checks],
            "message": [check.message for check in checks],
        }
    )
