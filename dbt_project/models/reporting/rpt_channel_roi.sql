with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'channel_roi') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
),

pivoted as (
    select
        model,
        as_of_week,
        is_latest,
        channel,
        model_version,
        posterior_version,
        max(mean) filter (where metric = 'spend') as spend,
        max(mean) filter (where metric = 'contribution') as contribution,
        max(q05) filter (where metric = 'contribution') as contribution_q05,
        max(q95) filter (where metric = 'contribution') as contribution_q95,
        max(mean) filter (where metric = 'contribution_share') as contribution_share,
        max(mean) filter (where metric = 'roi') as roi,
        max(median) filter (where metric = 'roi') as roi_median,
        max(q05) filter (where metric = 'roi') as roi_q05,
        max(q95) filter (where metric = 'roi') as roi_q95,
        max(mean) filter (where metric = 'mroi') as mroi,
        max(q05) filter (where metric = 'mroi') as mroi_q05,
        max(q95) filter (where metric = 'mroi') as mroi_q95
    from results
    group by model, as_of_week, is_latest, channel, model_version, posterior_version
)

select
    pivoted.model,
    pivoted.as_of_week,
    pivoted.is_latest,
    pivoted.channel,
    coalesce(channels.label, pivoted.channel) as label,
    channels.channel_group,
    pivoted.spend,
    pivoted.contribution,
    pivoted.contribution_q05,
    pivoted.contribution_q95,
    pivoted.contribution_share,
    pivoted.roi,
    pivoted.roi_median,
    pivoted.roi_q05,
    pivoted.roi_q95,
    pivoted.mroi,
    pivoted.mroi_q05,
    pivoted.mroi_q95,
    pivoted.model_version,
    pivoted.posterior_version
from pivoted
left join channels on pivoted.channel = channels.channel
