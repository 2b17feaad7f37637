with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'budget_allocation') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
),

readiness as (
    {{ readiness_of_budgets() }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.current_spend,
    results.recommended_spend,
    results.recommended_spend - results.current_spend as spend_change,
    results.recommended_spend / nullif(results.current_spend, 0) - 1 as spend_change_share,
    results.lower as spend_lower,
    results.upper as spend_upper,
    case
        when results.upper - results.lower <= 1e-6 * results.upper then 'fixed'
        when results.recommended_spend <= results.lower + 1e-6 * results.upper then 'at lower bound'
        when results.recommended_spend >= results.upper * (1 - 1e-6) then 'at upper bound'
        else 'between bounds'
    end as bound_reached,
    results.current_revenue,
    results.recommended_revenue,
    results.recommended_revenue_q05,
    results.recommended_revenue_q95,
    results.recommended_revenue - results.current_revenue as revenue_change,
    results.mroi,
    results.marginal_in,
    results.gap,
    nullif(results.note, '') as note,
    -- what budgets of earlier releases counted
    coalesce(results.horizon, 'short') as horizon,
    nullif(results.held_back_by, '') as held_back_by,
    readiness.is_ready,
    readiness.not_ready_because,
    results.model_version,
    results.posterior_version
from results
left join channels on results.channel = channels.channel
left join readiness on results.model = readiness.model and results.as_of_week = readiness.as_of_week
