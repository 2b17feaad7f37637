"""`weekly_report`: what the model recommends, why and how surely, on two pages that a board can read."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.code import code_version
from assets.models import vintage_of
from assets.report.changed import changed
from assets.report.collected import findings
from assets.report.kept_change import keep_change
from assets.resources.fitting import FitProcess
from assets.resources.long_term_stores import LongTermStore
from assets.resources.report_store import ReportStore
from assets.resources.stores import EvidenceStore, PosteriorStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

if TYPE_CHECKING:
    from mmm_core.report.findings import Findings
    from mmm_core.report.page import Page

FIGURES, ALONE, SHEETS = "says_what_the_marts_say", "stands_alone", "fits_on_two_sheets"


@model_asset(
    "report",
    "weekly_report",
    deps=["registered_model", "lift_evidence", "long_term_roi"],
    description=(
        "The recommended budget with its gain and probability, whether it is ready, what changed since the last "
        "published week and why, returns, response curves, moves, caveats, model health, evidence and versions: HTML "
        "that prints on two A4 pages, Markdown, and a run manifest (`mmm_core.report`).\n\n"
        "Grain: one report a model and as-of week. Where several kinds of input changed it fits again with one of them "
        "swapped at a time."
    ),
    kinds={"html", "markdown"},
    pool="mcmc",
    code_version=code_version(__name__, "report.gather", "report.texts", "report.checks"),
    checks={
        FIGURES: "The page's returns, spends and gains are those of the tables that the marts are made of.",
        ALONE: "The page needs no network, no script and no other file.",
        SHEETS: "It prints on two A4 sheets.",
    },
)
def weekly_report(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    roi,
    response_curves,
    budget_allocation,
    budget_scenarios,
    budget_readiness,
    model_review,
    total_roi,
    vintages: dg.ResourceParam[VintageStore],
    evidence: dg.ResourceParam[EvidenceStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    reports: dg.ResourceParam[ReportStore],
    long_terms: dg.ResourceParam[LongTermStore],
    fit_process: FitProcess,
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.report.answer import headline, verdict
    from mmm_core.report.contents import page
    from mmm_core.report.texts import HTML, MARKDOWN, texts_of

    vintage = vintage_of(context.partition_key)
    since = changed(context, vintage, mmm_posterior, vintages, evidence, posteriors, results, fit_process)
    tables = {
        "roi": roi,
        "curves": response_curves,
        "allocation": budget_allocation,
        "readiness": budget_readiness,
        "review": model_review,
        "scenarios": budget_scenarios,
        "long_term": total_roi,
    }
    with stage(context, tracking, posteriors) as run:
        found = findings(run, mmm_posterior, tables, results, long_terms, since, tracking)
        laid_out = page(found)
        written = texts_of(laid_out, found)
        version = reports.save(vintage, written)
        keep_change(run, results, mmm_posterior, since)
        for name, text in written.items():
            run.run.text(text, name)
        run.run.tag(data_version=version)
        metadata: dict[str, Any] = {
            "verdict": verdict(found),
            "recommends": headline(found),
            "page": dg.MetadataValue.path(str(reports.versions.path(vintage, version))),
            "report": dg.MetadataValue.md(written[MARKDOWN]),
            "compared_with": since.as_of if since else "no earlier published week",
            "refits": since.refits if since else 0,
            "posterior_version": run.posterior_version,
            "model_version": run.model_version,
            **run.run.metadata,
        }
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata=metadata,
            check_results=_checks(written[HTML], laid_out, found),
        )


def _checks(html: str, laid_out: "Page", found: "Findings") -> list[dg.AssetCheckResult]:
    from mmm_core.plural import plural
    from mmm_core.report.checks import figures_off, references, sheets_over

    off, fetched, over = figures_off(html, found), references(html), sheets_over(laid_out)
    return [
        check(
            FIGURES,
            not off,
            "; ".join(off[:5]) or f"{plural(len(found.recommendation.channels), 'channel')} compared",
        ),
        check(ALONE, not fetched, ", ".join(fetched[:5]) or f"{len(html) // 1024} kB that refer to nothing"),
        check(
            SHEETS,
            not over,
            "; ".join(over) or "both sheets hold theirs",
            severity=dg.AssetCheckSeverity.WARN,
        ),
    ]
