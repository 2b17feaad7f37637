with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'budget_scenarios') }}
),

readiness as (
    {{ readiness_of_budgets() }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.kind,
    results.scenario,
    nullif(results.description, '') as description,
    results.first_week,
    results.last_week,
    results.against,
    results.is_reference,
    results.budget_multiple,
    results.spend,
    results.spend_change,
    results.kpi,
    results.kpi_q05,
    results.kpi_q95,
    results.outcome,
    results.outcome_q05,
    results.outcome_q95,
    results.incremental,
    results.incremental_q05,
    results.incremental_q95,
    results.incremental_cvar,
    results.carried_out,
    if(results.kind = 'followed', null, coalesce(results.long_term, 0)) as long_term,
    coalesce(nullif(results.horizon, ''), 'short') as horizon,
    results.roi,
    results.marginal,
    results.profit,
    results.profit_q05,
    results.profit_q95,
    results.gain_in,
    results.gain,
    results.gain_median,
    results.gain_q05,
    results.gain_q95,
    results.probability_better,
    results.is_best,
    readiness.is_ready,
    readiness.not_ready_because,
    results.model_version,
    results.posterior_version
from results
-- only the recommended plan was put to the gates: no other is ready, nor not
left join readiness
    on
        results.model = readiness.model
        and results.as_of_week = readiness.as_of_week
        and results.kind = 'plan'
        and results.scenario = 'recommended'
where results.channel = '' and results.kind <> 'pair'
