"""`published_marts`: marts and reporting tables for analysts, as one publication (`assets.publish.publication`).

The warehouse is locked while a run writes. Analysts open the publication in force instead, which nothing locks.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from pydantic import Field

from assets.marts.assets import dbt_marts, dbt_reporting
from assets.publish.holdings import counted
from assets.publish.publication import CURRENT, DATABASE, Publication, faults_of
from assets.publish.publish import PublicationLoses, publish
from assets.publish.reports import reports_to_publish
from assets.publish.tables import LAYERS, published_rows
from assets.resources.damage import met
from assets.resources.published import Published
from assets.resources.report_store import ReportStore
from assets.resources.retries import tried_again_when_locked
from assets.resources.stores import ResultStore
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check
from mmm_core.plural import plural

WHOLE, KEEPS = "holds_every_row", "keeps_models_and_weeks"


class PublishConfig(dg.Config):
    """What a publication may lose against the last one."""

    accept_losses: list[str] = Field(
        default=[], description="models, and marts as marts.<table>, that may lose weeks or go"
    )


@dg.asset(
    key=dg.AssetKey("published_marts"),
    group_name="publish",
    description=(
        "Marts and reporting tables for analysts: published/current/marts.duckdb, and a Parquet file a table beside "
        "it, all of one moment; the latest weekly report of each model is there too, as `report_<model>.html`.\n\n"
        "Replaced whole after a run, so it can be queried at any time, also while a run writes. Where it would lose "
        "models or weeks, the last publication stays, unless `accept_losses` in the config names what may go."
    ),
    deps=[
        *(key for key in sorted(dbt_marts.keys | dbt_reporting.keys) if key.path[0] in LAYERS),
        dg.AssetKey("weekly_report"),
    ],
    owners=["data-platform@carryover.example"],
    kinds={"duckdb", "parquet"},
    pool=POOL,
    check_specs=[
        dg.AssetCheckSpec(
            WHOLE,
            asset="published_marts",
            description="The copy opens by itself and holds as many rows of each table as the warehouse.",
        ),
        dg.AssetCheckSpec(
            KEEPS,
            asset="published_marts",
            blocking=True,
            description="What the last publication holds of models and weeks is here too, or was let go by name.",
        ),
    ],
)
def published_marts(
    context: dg.AssetExecutionContext,
    config: PublishConfig,
    warehouse: Warehouse,
    published: Published,
    results: dg.ResourceParam[ResultStore],
    reports: dg.ResourceParam[ReportStore],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    folder = Path(published.folder)
    try:
        with tried_again_when_locked(context):
            files = reports_to_publish(results, reports)
            publication = publish(warehouse, folder, context.run.run_id, config.accept_losses, files)
    except PublicationLoses as loss:
        yield check(KEEPS, False, str(loss))
        raise dg.Failure(str(loss), allow_retries=False) from None
    yield _materialized(publication, folder / CURRENT)


def _materialized(publication: Publication, folder: Path) -> dg.MaterializeResult:
    found, faults = published_rows(folder / DATABASE), faults_of(folder)
    lines = [f"| {name} | {count:,} |" for name, count in publication.rows.items()]
    held, let_go = counted(publication.holdings), "; ".join(publication.accepted)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(folder / DATABASE)),
            "publication": publication.version,
            "holds": held,
            "reports": ", ".join(name for name in publication.files if name.endswith(".html")) or "none",
            "tables": dg.MetadataValue.md("\n".join(["| table | rows |", "|---|---:|", *lines])),
            "dagster/row_count": sum(publication.rows.values()),
            "size_bytes": (folder / DATABASE).stat().st_size,
            **met(),
        },
        check_results=[
            check(
                WHOLE,
                bool(found) and found == publication.rows and not faults,
                f"not as they were written: {', '.join(faults)}" if faults else plural(len(found), "table"),
                tables=len(found),
            ),
            check(KEEPS, True, held + (f"; let go: {let_go}" if let_go else "")),
        ],
    )
