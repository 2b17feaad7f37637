with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'budget_scenarios') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.kind,
    results.scenario,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.against,
    results.spend,
    results.spend_change,
    results.incremental,
    results.incremental_q05,
    results.incremental_q95,
    results.roi,
    results.gain,
    results.gain_q05,
    results.gain_q95,
    results.model_version,
    results.posterior_version
from results
left join channels on results.channel = channels.channel
where results.channel <> ''
