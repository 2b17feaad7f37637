with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'model_review') }}
)

select
    model,
    as_of_week,
    is_latest,
    check_name,
    severity,
    passed,
    case
        when passed then 'passed'
        when severity = 'ERROR' then 'blocked'
        else 'warning'
    end as outcome,
    bool_or(severity = 'ERROR' and not passed) over (partition by model, as_of_week) as model_is_blocked,
    figure,
    threshold,
    message,
    model_version,
    posterior_version
from results
