"""`published_results`: a promoted model's results in the warehouse, where the reporting marts read them."""

import dagster as dg

from assets.code import code_version
from assets.models import load_model, vintage_of
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset, stage


@model_asset(
    "publish",
    "published_results",
    deps=["champion"],
    description=(
        "Contributions, ROI, response curves, budget and review of a model that passed its review, written to the "
        "schema `results` in one transaction in place of what was there for this vintage.\n\n"
        "Grain: the rows of one vintage in each table of `results`."
    ),
    kinds={"duckdb"},
    pool=POOL,
    code_version=code_version(__name__),
    checks={
        "is_of_one_posterior": "Every table comes from the vintage's current posterior.",
        "is_in_the_warehouse": "The warehouse holds as many rows as were written.",
    },
)
def published_results(
    context: dg.AssetExecutionContext,
    contributions,
    roi,
    response_curves,
    budget_allocation,
    model_review,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
    warehouse: Warehouse,
) -> dg.MaterializeResult:
    from mmm_core.data.table import fingerprint

    tables = {
        "contributions_weekly": contributions,
        "channel_roi": roi,
        "response_curves": response_curves,
        "budget_allocation": budget_allocation,
        "model_review": model_review,
    }
    vintage = vintage_of(context.partition_key)
    with stage(context, tracking, posteriors) as run:
        stale = sorted(n for n, t in tables.items() if set(t["posterior_version"]) != {run.posterior_version})
        if stale:
            raise dg.Failure(
                f"{', '.join(stale)} come from another posterior than {run.posterior_version}: materialize them again",
                allow_retries=False,
            )
        written = warehouse.replace_results(tables, vintage.model, vintage.as_of_week)
        with warehouse.connect(read_only=True) as connection:
            held = {
                name: connection.execute(
                    f"select count(*) from results.{name} where model = ? and as_of_week = ?",
                    [vintage.model, vintage.week],
                ).fetchone()[0]
                for name in tables
            }
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
            },
            check_results=[
                check("is_of_one_posterior", True, f"posterior {run.posterior_version}"),
                check(
                    "is_in_the_warehouse",
                    held == written,
                    f"{sum(held.values())} of {sum(written.values())} rows",
                ),
            ],
        )
