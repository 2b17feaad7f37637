with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'data_health') }}
)

select
    model,
    as_of_week,
    is_latest,
    family,
    measure,
    subject,
    geo,
    first_week,
    last_week,
    value,
    threshold,
    verdict,
    bool_or(verdict = 'fail') over (partition by model, as_of_week) as fit_is_blocked,
    sentence,
    table_version,
    health_version
from results
