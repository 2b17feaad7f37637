"""`published_results`: a promoted model's results in the warehouse, where the reporting marts read them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from assets.allocation.cells import cells_of
from assets.brief import is_brief
from assets.code import code_version
from assets.models import Vintage, load_model, vintage_of
from assets.publish.beside import BESIDE, LONG_TERM, brief_tables, whole_tables
from assets.publish.provenance import provenance_of
from assets.registry.champion import REFUSED
from assets.resources.damage import met
from assets.resources.results import LONG_TERM_STATES
from assets.resources.stores import PosteriorStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking, registered_name
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset, stage
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd


MAY_BE_EMPTY = ("calibration_report", "budget_cells", *LONG_TERM)
"""Of a model that no lift test calibrates, a budget that decides channels alone, and a model without brand metrics."""


@model_asset(
    "publish",
    "published_results",
    deps=["champion", "bvar_posterior", *BESIDE],
    description=(
        "Contributions, ROI, response curves, budget, scenarios and readiness, review, what the lift tests moved, the "
        "long term and where all of it comes from, of a model that passed its review and was promoted: kept as files "
        "and written to the schema `results` in one transaction in place of what was there for this vintage. A brief "
        "run keeps the scenarios and long term that the vintage has published of the same posterior and budget.\n\n"
        "Grain: the rows of one vintage in each table of `results`."
    ),
    kinds={"duckdb"},
    pool=POOL,
    code_version=code_version(__name__),
    checks={
        "is_of_one_posterior": "Every row the warehouse holds of the vintage comes from its current posterior.",
        "is_in_the_warehouse": "The warehouse holds as many rows as were written.",
    },
)
def published_results(
    context: dg.AssetExecutionContext,
    contributions,
    roi,
    response_curves,
    budget_allocation,
    budget_readiness,
    model_review,
    calibration_report,
    mmm_posterior,
    vintages: dg.ResourceParam[VintageStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
    warehouse: Warehouse,
) -> dg.MaterializeResult:
    from mmm_core.data.table import fingerprint

    vintage = vintage_of(context.partition_key)
    tables = {
        "contributions_weekly": contributions,
        "channel_roi": roi,
        "response_curves": response_curves,
        "budget_allocation": budget_allocation,
        "budget_readiness": budget_readiness,
        "model_review": model_review,
        "calibration_report": calibration_report,
    }
    with stage(context, tracking, posteriors) as run:
        beside = (
            brief_tables(run, results, budget_allocation)
            if is_brief(context)
            else whole_tables(vintage, results)
        )
        tables |= beside
        tables["budget_cells"] = run.labelled(cells_of(results, vintage, budget_allocation))
        tables["provenance"] = run.labelled(provenance_of(mmm_posterior, vintage, vintages))
        refuse_unpromoted(tracking, vintage, run.model_version)
        stale = sorted(
            name
            for name, table in tables.items()
            if set(table["posterior_version"]) != {run.posterior_version}
            and not ((name in MAY_BE_EMPTY or (name in beside and is_brief(context))) and table.empty)
        )
        stale += _of_another_long_term(tables)
        if stale:
            raise dg.Failure(
                f"{', '.join(stale)} come from another posterior than {run.posterior_version}: materialize them again",
                allow_retries=False,
            )
        results.record_publication(vintage, tables)
        written = warehouse.replace_results(tables, vintage.model, vintage.as_of_week)
        held, others = in_the_warehouse(warehouse, tables, vintage, run.posterior_version)
        version = "-".join(fingerprint(table)[:8] for table in tables.values())
        run.run.tag(data_version=version, owner=load_model(vintage.model).owner)
        run.run.log({f"rows/{name}": rows for name, rows in written.items()})
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={
                "dagster/partition_row_count": sum(written.values()),
                **{f"rows/{name}": rows for name, rows in written.items()},
                "posterior_version": run.posterior_version,
                "model_version": run.model_version,
                **run.run.metadata,
                **met(),
            },
            check_results=[
                check(
                    "is_of_one_posterior",
                    not any(others.values()),
                    ", ".join(
                        f"{plural(rows, f'row of {name} is', f'rows of {name} are')} not"
                        for name, rows in others.items()
                        if rows
                    )
                    or f"posterior {run.posterior_version}",
                ),
                check(
                    "is_in_the_warehouse",
                    held == written,
                    f"{sum(held.values()):,} of {plural(sum(written.values()), 'row')}",
                ),
            ],
        )


def refuse_unpromoted(tracking: Tracking, vintage: Vintage, model_version: str) -> None:
    """Raise Failure of a version that `champion` refused: the blocking check stops a run, this one that begins here."""
    tags = tracking.client().get_model_version(registered_name(vintage.model), model_version).tags
    if tags.get("promotion", "").startswith(REFUSED):
        raise dg.Failure(
            f"version {model_version} was not promoted ({tags['promotion']}): materialize champion once it holds",
            allow_retries=False,
        )


def _of_another_long_term(tables: "Mapping[str, pd.DataFrame]") -> list[str]:
    """Tables of the long term that come from other draws than the metrics' own, which are written with the draws."""
    of = {name: set(tables[name]["long_term_version"]) for name in LONG_TERM}
    return [name for name in LONG_TERM if of[name] != of[LONG_TERM_STATES]]


def in_the_warehouse(
    warehouse: Warehouse, tables: Iterable[str], vintage: Vintage, posterior_version: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows that tables of `results` hold of a vintage, and how many of them come from another posterior."""
    held, others = {}, {}
    with warehouse.connect(read_only=True) as connection:
        for name in tables:
            held[name], others[name] = connection.execute(
                "select count(*), count(*) filter (posterior_version is distinct from ?) "
                f"from results.{name} where model = ? and as_of_week = ?",
                [posterior_version, vintage.model, vintage.week],
            ).fetchone()
    return held, others
