with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'budget_scenarios') }}
)

select
    model,
    as_of_week,
    is_latest,
    scenario,
    against,
    first_week,
    last_week,
    spend_change,
    horizon,
    gain_in,
    gain,
    gain_median,
    gain_q05,
    gain_q95,
    probability_better,
    model_version,
    posterior_version
from results
where kind = 'pair'
