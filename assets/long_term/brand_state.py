"""`brand_state`: the brand tracker's waves that were known, frozen, and the metrics week by week by them alone."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version
from assets.long_term.mart_surveys import MART, read_surveys
from assets.long_term.outcome import ABOUT
from assets.metadata import preview, table_metadata
from assets.model_inputs.as_known import marts_of
from assets.models import Vintage, load_model, vintage_of
from assets.resources.long_term_stores import SurveyStore
from assets.resources.stores import VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import POOL, Warehouse
from assets.stage import check, model_asset, pictures
from mmm_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec

USABLE = "surveys_can_be_used"


@model_asset(
    "long_term",
    "brand_state",
    deps=["model_table", dg.AssetKey(["marts", MART])],
    description=(
        "The waves of the brand tracker in the model's market that were over by the as-of week, frozen: what the "
        "long-term posterior is fitted on. Beside them, as a picture before any effect is looked for, the metrics that "
        "the YAML's `long_term` names, week by week by these waves alone (`mmm_core.long_term.stage.brand_states`). "
        "Skipped for a model that names no metric.\n\n"
        "Grain: one file of waves a model and as-of week, named by the hash of its rows."
    ),
    kinds={"duckdb", "parquet"},
    pool=POOL,
    code_version=code_version(__name__, "long_term.stage"),
    io_manager_key="surveys",
    checks={USABLE: "The tracker's waves of every metric that the YAML names can be used."},
)
def brand_state(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    vintages: dg.ResourceParam[VintageStore],
    surveys: dg.ResourceParam[SurveyStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.data.table import fingerprint
    from mmm_core.long_term.stage import skip_reason

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    if reason := skip_reason(spec):
        context.log.info(f"skipped: {reason}")
        return _without(check(USABLE, True, f"skipped: {reason}"), skipped=reason)
    try:
        waves = read_surveys(marts_of(warehouse, vintages, vintage), spec, vintage)
        states = _states(waves, spec, vintage, vintages)
    except InputError as error:
        context.log.warning(f"no long term: {error}")
        return _without(check(USABLE, False, str(error)), refused=str(error))
    version = fingerprint(waves)
    surveys.save(vintage, version, waves)
    return _result(context, tracking, version, waves, states)


def _states(
    waves: "pd.DataFrame", spec: "ModelSpec", vintage: Vintage, vintages: VintageStore
) -> "pd.DataFrame":
    """The metrics in the weeks of the frozen table."""
    import pandas as pd

    from mmm_core.data.weeks import first_days
    from mmm_core.long_term.stage import brand_states

    table = pd.read_parquet(vintages.checked(vintage, vintages.current(vintage)))
    weeks = first_days(pd.DatetimeIndex(sorted(table[spec.time.column].unique())), spec)
    return brand_states(waves, weeks, spec.long_term, as_of=vintage.week)


def _result(
    context: dg.AssetExecutionContext,
    tracking: Tracking,
    version: str,
    waves: "pd.DataFrame",
    states: "pd.DataFrame",
) -> dg.MaterializeResult:
    from mmm_core.plots.long_term import brand

    counted = ", ".join(f"{rows} of {metric}" for metric, rows in waves["metric"].value_counts().items())
    last = f"{waves['month_start'].max():%Y-%m-%d}"
    vintage = vintage_of(context.partition_key)
    with tracking.run(context, vintage, required=False, data_version=version) as run:
        run.log(params={"waves": len(waves), "last_wave": last})
        run.table(waves, "waves")
        run.table(states, "brand_state")
        drawn = pictures(context, run, {"brand_state": lambda: brand(states, vintage.model)})
    return dg.MaterializeResult(
        value=version,
        data_version=dg.DataVersion(version),
        metadata={
            **table_metadata(waves, ABOUT),
            "waves": len(waves),
            "last_wave": last,
            **drawn,
            "table": preview(states.groupby("metric").tail(8), rows=40),
            **run.metadata,
        },
        check_results=[check(USABLE, True, f"waves: {counted}; the last of {last}")],
    )


def _without(result: dg.AssetCheckResult, **metadata: str) -> dg.MaterializeResult:
    """A vintage that has no waves to fit on."""
    return dg.MaterializeResult(
        value=None, data_version=dg.DataVersion("none"), metadata=metadata, check_results=[result]
    )
