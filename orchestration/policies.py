"""When things run and how fresh they must be: policies, applied by selection."""

from datetime import timedelta

import dagster as dg

from orchestration.executor import one_process

# Monday 09:00: by then last week's model is on the table. Counted from Monday 00:00, when its week is complete.
TIMEZONE = "UTC"
MONDAY_MORNING = "0 6 * * 1"
EARLY_MORNING = "0 3-5 * * *"  # before it: what is fetched is loaded by then
MONDAY_DEADLINE = dg.FreshnessPolicy.cron(
    deadline_cron="0 9 * * 1", lower_bound_delta=timedelta(hours=9), timezone=TIMEZONE
)
# What is fetched from warehouses and buckets is asked for by six, once a day; `was_fetched` says whether it came.
MORNING_DEADLINE = dg.FreshnessPolicy.cron(
    deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone=TIMEZONE
)
FRESH_ON_MONDAY = {"model_table", "mmm_posterior", "budget_allocation", "weekly_report", "published_results"}

# Marts follow their sources as soon as a source's content differs, not merely because it was loaded again. A mart may
# read a partitioned asset, most of whose partitions will never exist, so missing parents do not hold it back.
# What was asked for is not asked for again here: a run that failed for a reason that passes is `orchestration.sweep`'s.
SOURCES_DIFFER = dg.AutomationCondition.any_deps_updated().replace(
    "newly_updated", dg.AutomationCondition.data_version_changed()
)
# They follow their SQL too, and that of the views they read: after an upgrade or an edit what was changed is built,
# with what reads it, and nothing else. A build that ended since the last look may have been of the SQL of before.
SQL_CHANGED = (
    dg.AutomationCondition.code_version_changed()
    | dg.AutomationCondition.any_deps_match(dg.AutomationCondition.code_version_changed())
)  # fmt: skip
SQL_DIFFERS = SQL_CHANGED.since(dg.AutomationCondition.newly_requested() & ~SQL_CHANGED)
FOLLOW_SOURCES = (
    dg.AutomationCondition.in_latest_time_window()
    & (
        (dg.AutomationCondition.newly_missing() | SOURCES_DIFFER).since_last_handled()
        | SQL_DIFFERS.with_label("sql_differs")
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("follow_sources")

# What is reported of models follows at set minutes: `make refresh` reports by itself as soon as it is done, and a
# daemon that looks in between would build the same once more.
REPORTING = {"reporting", "published_marts"}
FOLLOW_RESULTS = (
    FOLLOW_SOURCES & dg.AutomationCondition.cron_tick_passed("*/10 * * * *", TIMEZONE)
).with_label("follow_results")

# What is tried again depends on what went wrong, which a policy of Dagster's cannot tell: see assets.resources.retries.

# One process a run; the fit has its own. Twelve small steps would spend longer importing than working.
EXECUTOR = one_process


def apply(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The policies of one asset. Nothing from the model table on runs by itself: fits are scheduled or asked for."""
    if spec.key.path[-1] in FRESH_ON_MONDAY:
        spec = dg.apply_freshness_policy(spec, MONDAY_DEADLINE)
    if spec.group_name == "origins":
        spec = dg.apply_freshness_policy(spec, MORNING_DEADLINE)
    if follows_sources(spec):
        reported = spec.key.path[0] in REPORTING
        spec = spec.replace_attributes(automation_condition=FOLLOW_RESULTS if reported else FOLLOW_SOURCES)
    return spec


def follows_sources(spec: dg.AssetSpec) -> bool:
    """dbt models, and the read-only copy made of them."""
    return "dbt" in spec.kinds or spec.key.path[-1] == "published_marts"
