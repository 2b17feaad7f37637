{{ config(meta={'dagster': {'ref': {'name': 'fct_lift_tests'}}}, severity='warn') }}
-- A test without an estimate, without an error above 0, or whose interval does not hold its estimate: every model
-- rejects it by name until its report is mended.
select
    test_id,
    incremental_outcome,
    roi,
    standard_error,
    interval_low,
    interval_high,
    interval_level
from {{ ref('fct_lift_tests') }}
where
    (incremental_outcome is not null and roi is not null)
    or (coalesce(incremental_outcome, roi) is null and interval_low is null)
    or (standard_error is null and interval_low is null)
    or standard_error <= 0
    or interval_low >= interval_high
    or (interval_low is null) <> (interval_high is null)
    or (interval_low is null) <> (interval_level is null)
    or interval_level <= 0
    or interval_level >= 1
    or coalesce(incremental_outcome, roi) < interval_low
    or coalesce(incremental_outcome, roi) > interval_high
