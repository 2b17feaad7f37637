with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'calibration_report') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.left_out,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.tested,
    results.roi_without,
    results.roi_without_q05,
    results.roi_without_q95,
    results.roi_with,
    results.roi_with_q05,
    results.roi_with_q95,
    results.roi_with - results.roi_without as roi_change,
    results.shift,
    results.method,
    results.model_version,
    results.posterior_version
from results
left join channels on results.channel = channels.channel
