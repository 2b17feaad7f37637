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
    kind,
    scenario,
    nullif(description, '') as description,
    first_week,
    last_week,
    against,
    is_reference,
    budget_multiple,
    spend,
    spend_change,
    kpi,
    kpi_q05,
    kpi_q95,
    outcome,
    outcome_q05,
    outcome_q95,
    incremental,
    incremental_q05,
    incremental_q95,
    incremental_cvar,
    carried_out,
    if(kind = 'followed', null, coalesce(long_term, 0)) as long_term,
    coalesce(nullif(horizon, ''), 'short') as horizon,
    roi,
    marginal,
    profit,
    profit_q05,
    profit_q95,
    gain_in,
    gain,
    gain_q05,
    gain_q95,
    probability_better,
    is_best,
    model_version,
    posterior_version
from results
where channel = ''
