with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest,
        min(crps) over (partition by model, as_of_week) as lowest_crps
    from {{ source('results', 'model_selection') }}
)

select
    model,
    as_of_week,
    is_latest,
    specification,
    case
        when crps is not null
            then cast(rank() over (partition by model, as_of_week order by crps nulls last) as integer)
    end as crps_rank,
    recommended as is_recommended,
    as_written as is_as_written,
    crps,
    difference * lowest_crps as crps_difference,
    difference_se * lowest_crps as crps_difference_se,
    difference as crps_difference_share,
    difference_se as crps_difference_share_se,
    p_value,
    coalesce(verdict, 'not fitted') as verdict,
    mape,
    coverage_90,
    elpd,
    elpd_difference,
    elpd_difference_se,
    cast(unreliable as integer) as weeks_unreliable,
    cast(unknowns as integer) as unknowns,
    cast(origins as integer) as origins,
    cast(horizon as integer) as horizon_weeks,
    note,
    nullif(reason, '') as reason_not_fitted,
    table_version,
    spec_hash,
    selection_version
from results
