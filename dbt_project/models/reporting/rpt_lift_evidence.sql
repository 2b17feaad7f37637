with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'lift_evidence') }}
)

select
    model,
    as_of_week,
    is_latest,
    test_id,
    status,
    calibrates,
    nullif(reasons, '') as reasons,
    channels,
    geos,
    start_date,
    end_date,
    design,
    outcome,
    incremental_outcome,
    standard_error,
    incremental_spend,
    roi,
    standard_error / nullif(abs(incremental_spend), 0) as roi_standard_error,
    inflation,
    weight,
    calibrating_error,
    design_quality,
    cast(days as integer) as days,
    power,
    weeks_since,
    spend_ratio,
    pre_period_error,
    contamination,
    decided_by,
    decided_on,
    nullif(decision_note, '') as decision_note,
    nullif(source, '') as source,
    evidence_version
from results
