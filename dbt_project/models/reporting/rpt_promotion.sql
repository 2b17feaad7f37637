-- What each version was held against before it would go live, and what came of it.
select
    model,
    as_of_week,
    as_of_week = max(as_of_week) over (partition by model) as is_latest,
    gate,
    question,
    passed,
    figure,
    message,
    outcome,
    outcome in ('promoted', 'accepted') as went_live,
    accepted_by,
    accepted_why,
    model_version,
    posterior_version
from {{ source('results', 'promotion') }}
