with latest as (
    select
        model,
        max(as_of_week) as as_of_week
    from {{ source('results', 'channel_roi') }}
    group by model
),

metrics as (
    select * from {{ source('results', 'brand_metrics') }}
)

select
    metrics.model,
    metrics.as_of_week,
    coalesce(metrics.as_of_week = latest.as_of_week, false) as is_latest,
    metrics.metric,
    metrics.week_start,
    metrics.median as share,
    metrics.q05 as share_q05,
    metrics.q95 as share_q95,
    metrics.surveyed,
    metrics.sample as respondents,
    metrics.long_term_version,
    metrics.model_version,
    metrics.posterior_version
from metrics
left join latest on metrics.model = latest.model
