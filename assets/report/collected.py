"""What the graph knows of a vintage, as the findings that a report is written from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.allocation.answer import read_answer
from assets.allocation.long_term_of import long_term_of
from assets.models import ANSWERS, LONG_TERM, load_model
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import ResultStore
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

    from mmm_core.report.change import Change
    from mmm_core.report.findings import Findings


def findings(
    run: Stage,
    tree: "DataTree",
    tables: "Mapping[str, pd.DataFrame]",
    results: ResultStore,
    long_terms: LongTermStore,
    changed: "Change | None",
    tracking: Tracking,
) -> "Findings":
    """The findings of a vintage.

    Args:
        tables: roi, curves, allocation, readiness, review, scenarios and long_term, as their assets left them.

    Raises:
        Failure: one of them comes from another posterior.
    """
    from mmm_core.long_term.identification import told_from_none
    from mmm_core.posterior.handle import Posterior
    from mmm_core.report.findings import Findings
    from mmm_core.report.gather import backing_of, chances, compared, page_source, subject_of
    from mmm_core.report.manifest import manifest

    _of_one_posterior(run.posterior_version, tables)
    posterior, spec = Posterior.of(tree), load_model(run.vintage.model)
    subject = subject_of(posterior, spec)
    recommendation = read_answer(results, run.vintage, tables["allocation"])
    if recommendation is None:
        raise dg.Failure(
            "what the budget answers is not kept, or of another table: materialize budget_allocation",
            allow_retries=False,
        )
    counted = spec.budget.model_copy(update={"horizon": recommendation.horizon})
    long_term = tables["long_term"] if len(tables["long_term"]) else None
    tests = results.read("lift_evidence", run.vintage)
    long = results.read("long_term_roi", run.vintage)
    reported: dict[str, Any] = {**tables, "long_term": long_term, "evidence": tests}
    return Findings(
        subject=subject,
        recommendation=recommendation,
        roi=tables["roi"],
        curves=tables["curves"],
        backing=backing_of(posterior),
        right=chances(posterior, recommendation, spec, long_term_of(run.vintage, counted, long_terms)),
        gates=tables["readiness"],
        review=tables["review"],
        tests=tests,
        long_term=long_term,
        long_told={} if long is None or long.empty else told_from_none(long),
        scenarios=tables["scenarios"],
        change=changed,
        manifest=manifest(
            posterior,
            run.posterior_version,
            page_source(),
            reported,
            previous=compared(changed),
            registered=_registered(run, tracking),
        ),
    )


def _registered(run: Stage, tracking: Tracking) -> dict[str, Any]:
    """Name and version of the registered posterior, and of what answers from it."""
    model = run.vintage.model
    found = {
        name: tracking.version_with(name, {"posterior_version": run.posterior_version})
        for name in (registered_name(model, kind) for kind in (*ANSWERS, LONG_TERM))
    }
    answers = {name: version for name, version in found.items() if version is not None}
    return {"name": registered_name(model), "version": run.model_version, "answers": answers}


def _of_one_posterior(version: str, tables: "Mapping[str, pd.DataFrame]") -> None:
    stale = sorted(
        name for name, table in tables.items() if len(table) and set(table["posterior_version"]) != {version}
    )
    if stale:
        raise dg.Failure(
            f"{', '.join(stale)} come from another posterior than {version}: materialize them again",
            allow_retries=False,
        )
