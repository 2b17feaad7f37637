"""A small house: real warehouse, instance, MLflow and fits, with one short national model and a mart made by hand."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml

from assets.models import Vintage
from assets.resources.stores import PosteriorStore, ResultStore, VintageStore
from assets.resources.tracking import Tracking
from assets.resources.warehouse import Warehouse

MODEL = "us_revenue"  # partitions are the repository's models; the tests' YAML of that name is a smaller one
SPEC = {
    "model": MODEL,
    "table": "mmm_model_table",
    "filter": {"market": "us"},
    "kpi": {"column": "revenue"},
    "media": {
        "defaults": {"adstock": {"l_max": 4}},
        "channels": {"search": {"spend": "search_spend"}, "tv": {"spend": "tv_spend"}},
    },
    "controls": ["consumer_confidence"],
    "baseline": {"seasonality": {"order": 1}},
    "fit": {"chains": 2, "warmup": 150, "draws": 150, "seed": 3},
    "budget": {"weeks": 8},
}
# Any sampler passes these: what the gate does is tested, not what a review finds.
LENIENT = {
    "rhat": 3.0,
    "ess_bulk": 1,
    "ess_tail": 1,
    "divergence_share": 0.99,
    "significance": 0,
    "observations_per_parameter": 0,
    "holdout_weeks": 0,
}
STRICT = {**LENIENT, "ess_bulk": 1e9}
LAST_WEEK = dt.date(2026, 1, 5)
NEXT_WEEK = LAST_WEEK + dt.timedelta(days=7)
WEEKLY_TABLES = "table_name varchar, week_start date, geo varchar, column_name varchar, value double"


@dataclass
class House:
    """The folder of a run of the platform, and ways to use it."""

    root: Path
    instance: dg.DagsterInstance
    warehouse: Warehouse
    tracking: Tracking

    @property
    def vintages(self) -> VintageStore:
        return VintageStore(folder=str(self.root / "vintages"))

    @property
    def posteriors(self) -> PosteriorStore:
        return PosteriorStore(folder=str(self.root / "posteriors"))

    @property
    def results(self) -> ResultStore:
        return ResultStore(folder=str(self.root / "results"))

    def write_spec(self, **changes) -> None:
        spec = {**SPEC, "review": LENIENT, **changes}
        (self.root / "models" / f"{MODEL}.yaml").write_text(yaml.safe_dump(spec))

    def write_mart(self, last_week: dt.date = LAST_WEEK, weeks: int = 110) -> None:
        """A mart as dbt leaves it, ending with a given week."""
        from mmm_core.simulate import weekly_table

        table, _ = weekly_table("us", 7, weeks=weeks, end=last_week + dt.timedelta(days=7))
        with self.warehouse.connect() as connection:
            connection.execute("create schema if not exists marts")
            connection.register("incoming", table)
            connection.execute("create or replace table marts.mmm_model_table as select * from incoming")
            connection.execute(f"create or replace table marts.fct_weekly_tables ({WEEKLY_TABLES})")

    def calibrate(self, **changes) -> None:
        """Four weeks without search, and without television, measured, approved and asked for by the model's YAML."""
        from mmm_core.evidence.columns import NAMES

        by_channel = [f"{name}_by_channel" for name in ("spend_with", "spend_without")]
        columns = ", ".join(f"{name} varchar" for name in [*NAMES, *by_channel, "population_covered"])
        with self.warehouse.connect() as connection:
            table = connection.execute("from marts.mmm_model_table order by week_start").df()
            connection.execute(f"create table marts.fct_lift_tests ({columns})")  # none has landed
        weeks, rows = table["week_start"].dt.date, []
        for channel, first in (("search", 60), ("tv", 80)):
            spent = float(table[f"{channel}_spend"][first : first + 4].sum())
            end = weeks[first + 3] + dt.timedelta(days=6)
            rows.append(
                f"{channel}-test,us,{channel},{weeks[first]},{end},conversion_lift,{spent},{spent / 2},{spent},0"
            )
        columns = "test_id,market,channels,start_date,end_date,design,incremental_outcome,standard_error,spend_with,"
        models = self.root / "models"
        (models / "house.tests.csv").write_text("\n".join([f"{columns}spend_without", *rows]) + "\n")
        approved = [f"{channel}-test,team:marketing-science,{LAST_WEEK}" for channel in ("search", "tv")]
        (models / "house.approvals.csv").write_text("\n".join(["test_id,by,on", *approved]) + "\n")
        files = {"tests": "house.tests.csv", "approvals": "house.approvals.csv"}
        self.write_spec(calibration={"lift_tests": "approved", **files}, **changes)

    def track_brand(self) -> None:
        """The brand survey of the mart's market, by month."""
        from mmm_core.simulate import simulate_market
        from mmm_core.simulate.exports import brand_tracker

        end = LAST_WEEK + dt.timedelta(days=7)
        rows = brand_tracker(simulate_market("us", 7, weeks=110, end=end)).rows
        with self.warehouse.connect() as connection:
            connection.register("incoming", rows)
            connection.execute(
                "create table marts.fct_brand_metrics as "
                "select market, metric, cast(month || '-01' as date) as month_start, value, sample_size from incoming"
            )

    def refresh(
        self, week: dt.date = LAST_WEEK, only: str = "", job: str = "refresh_model"
    ) -> dg.ExecuteInProcessResult:
        """A run of a model's job for one vintage; `only` names the assets, all of them by default."""
        from orchestration.definitions import definitions

        return (
            definitions()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                partition_key=Vintage(MODEL, str(week)).key,
                asset_selection=[dg.AssetKey(name) for name in only.split()] or None,
                raise_on_error=False,
            )
        )


def vintage(week: dt.date = LAST_WEEK) -> Vintage:
    return Vintage(MODEL, str(week))


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict:
    """Metadata of an asset's materialization, as plain values."""
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult, step: str) -> str:
    """The message of what made a step fail."""
    failures = [e for e in result.filter_events(lambda event: event.is_step_failure) if e.step_key == step]
    error = failures[0].step_failure_data.error
    while error.cause is not None:
        error = error.cause
    return error.message
