"""`model_table`: the frozen vintage a model is fitted on."""

from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from assets.brief import refuse_brief
from assets.code import code_version
from assets.metadata import preview, table_metadata
from assets.model_inputs.as_known import table_as_known
from assets.model_inputs.mart import WEEKLY_MART, checked_table
from assets.models import files_passed_over, load_model, model_names, vintage_of
from assets.resources.stores import VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset

WARN_WEEKS = 104


class Known(dg.Config):
    """What a past week's table is made of."""

    as_known_today: bool = Field(
        default=False,
        description="Take the figures of today for a past week, not those that were known then.",
    )


@model_asset(
    "model_inputs",
    "model_table",
    deps=[dg.AssetKey(["marts", "mmm_model_table"]), dg.AssetKey(["marts", WEEKLY_MART])],
    description=(
        "The weekly table a model is fitted on, frozen as Parquet. A past week's is made of the exports that were "
        "known by the end of the week of its refresh, as far as they are still there; `known_then` says whether.\n\n"
        "Grain: one row a week, and geo where the model has geos; weeks up to the as-of week."
    ),
    kinds={"duckdb", "parquet"},
    pool=POOL,
    code_version=code_version(__name__, "data.table", "spec.model_spec"),
    io_manager_key="vintages",
    check_specs=[
        dg.AssetCheckSpec(
            "reaches_as_of_week",
            asset="model_table",
            blocking=True,
            description="The last week of the table is the as-of week: an old table is not fitted under a new date.",
        ),
        dg.AssetCheckSpec(
            "two_years_of_history",
            asset="model_table",
            description=f"At least {WARN_WEEKS} weeks, so that seasonality is seen twice.",
        ),
    ],
)
def model_table(
    context: dg.AssetExecutionContext,
    config: Known,
    warehouse: Warehouse,
    vintages: dg.ResourceParam[VintageStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    import pandas as pd

    from mmm_core.data.table import fingerprint
    from mmm_core.data.weeks import first_days

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    refuse_brief(context, spec.budget.horizon)
    table, origin = table_as_known(warehouse, vintages, spec, vintage, config.as_known_today)
    checked = checked_table(table, spec)
    version = fingerprint(checked)
    weeks = checked[spec.time.column]
    last_begins = first_days(pd.DatetimeIndex([weeks.max()]), spec)[0].date()
    reached = reaches_as_of_week(weeks.max().date(), last_begins, vintage.week, spec.time.to)
    # a table that ends before the week is not frozen under its name: no file, no folder, no pointer
    path = None
    if reached.passed:
        path = vintages.save(vintage, version, table)
        origin = vintages.keep_origin(vintage, version, origin)
    if not origin.known_then:
        context.log.warning(origin.words)
    facts = {
        "weeks": weeks.nunique(),
        "first_week": f"{weeks.min():%Y-%m-%d}",
        "last_week": f"{weeks.max():%Y-%m-%d}",
        "geos": checked[spec.geo.column].nunique() if spec.geo else 1,
        "known_then": origin.known_then,
        "known_by": origin.known_by,
    }
    with tracking.run(
        context, vintage, required=False, spec_hash=spec.spec_hash, data_version=version
    ) as run:
        run.log(params={"table": spec.table, **facts}, metrics={"rows": len(table)})
        run.text(spec.to_yaml(), "model.yaml")
    return dg.MaterializeResult(
        value=version if path else None,
        data_version=dg.DataVersion(version),
        metadata={
            **table_metadata(table),
            **facts,
            "data_are": origin.words,
            "last_weeks": preview(table.tail(8)),
            **({"vintage": dg.MetadataValue.path(str(path))} if path else {}),
            **run.metadata,
        },
        check_results=[
            reached,
            check(
                "two_years_of_history",
                facts["weeks"] >= WARN_WEEKS,
                f"{facts['weeks']} weeks",
                severity=dg.AssetCheckSeverity.WARN,
            ),
        ],
    )


def reaches_as_of_week(last: date, begins: date, as_of_week: date, until: date | None) -> dg.AssetCheckResult:
    """The last week holds the as-of Monday, or begins on it: weeks may start on any day.

    Args:
        last, begins: the last week by the table's date, and by its first day.
    """
    expected = min(as_of_week, until or as_of_week)
    reached = begins <= expected < begins + timedelta(days=7)
    monday = begins + timedelta(days=-begins.weekday() % 7)
    remedy = "" if reached else f", not {expected}: land the weeks that are missing, or choose {monday}"
    return check("reaches_as_of_week", reached, f"the table ends with the week of {last}{remedy}")


@dg.asset_check(asset="model_table", description="Every YAML in the models folder is a valid specification.")
def model_specs_are_valid(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    from mmm_core.errors import SpecError, listed

    passed_over = (
        "is passed over: a model is a file <model>.yaml, its name of letters, digits and underscores"
    )
    faults = dict.fromkeys(files_passed_over(), passed_over)
    for model in model_names():
        try:
            load_model(model)
        except SpecError as error:
            faults[model] = str(error)
            context.log.error(str(error))
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        description="refused: " + listed(faults, 20) if faults else f"{len(model_names())} models",
        metadata={model: dg.MetadataValue.text(message) for model, message in faults.items()},
    )
