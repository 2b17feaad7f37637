with results as (
    select * from {{ source('results', 'budget_cells') }}
),

-- the latest week is the latest budget's: a model whose question no longer has cells has none that are the latest
budgets as (
    select distinct
        model,
        as_of_week,
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
    coalesce(budgets.is_latest, false) as is_latest,
    case
        when results.geo is not null then 'geo'
        when results.week is not null then 'week'
        when results.pattern is not null then 'pattern'
        else 'channel'
    end as decides,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.geo,
    results.week,
    results.pattern,
    results.current_spend,
    results.recommended_spend,
    results.recommended_spend - results.current_spend as spend_change,
    results.recommended_spend / nullif(results.current_spend, 0) - 1 as spend_change_share,
    readiness.is_ready,
    readiness.not_ready_because,
    results.model_version,
    results.posterior_version
from results
left join channels on results.channel = channels.channel
left join budgets on results.model = budgets.model and results.as_of_week = budgets.as_of_week
left join readiness on results.model = readiness.model and results.as_of_week = readiness.as_of_week
