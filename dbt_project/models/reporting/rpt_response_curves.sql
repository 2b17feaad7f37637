with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest,
        lag(spend) over curve as previous_spend,
        lag(mean) over curve as previous_mean
    from {{ source('results', 'response_curves') }}
    window curve as (partition by model, as_of_week, channel order by multiplier)
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.multiplier,
    results.last_week,
    results.spend,
    results.mean as response,
    results.q05 as response_q05,
    results.q95 as response_q95,
    results.mean / nullif(results.spend, 0) as average_return,
    (results.mean - results.previous_mean) / nullif(results.spend - results.previous_spend, 0) as marginal_return,
    results.model_version,
    results.posterior_version
from results
left join channels on results.channel = channels.channel
