with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'budget_readiness') }}
)

select
    model,
    as_of_week,
    is_latest,
    gate,
    question,
    passed,
    figure,
    threshold,
    message,
    overridden,
    passed or overridden as is_open,
    nullif(decided_by, '') as decided_by,
    decided_on,
    decided_until,
    nullif(decided_why, '') as decided_why,
    model_version,
    posterior_version
from results
