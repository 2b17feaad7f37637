with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest,
        sum(mean) over (partition by model, as_of_week, week_start) as week_total
    from {{ source('results', 'contributions_weekly') }}
),

rois as (
    select distinct
        model,
        as_of_week,
        channel
    from {{ source('results', 'channel_roi') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.week_start,
    coalesce(results.first_day, results.week_start) as first_day,
    results.component,
    coalesce(channels.label, results.component) as label,
    case when rois.channel is not null then 'media' else 'baseline' end as component_type,
    results.mean as contribution,
    results.q05 as contribution_q05,
    results.q95 as contribution_q95,
    case when results.week_total > 0 then results.mean / results.week_total end as share_of_week,
    results.model_version,
    results.posterior_version
from results
left join rois
    on
        results.model = rois.model
        and results.as_of_week = rois.as_of_week
        and results.component = rois.channel
left join channels on results.component = channels.channel
