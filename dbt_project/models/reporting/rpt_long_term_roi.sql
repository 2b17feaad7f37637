with latest as (
    select
        model,
        max(as_of_week) as as_of_week
    from {{ source('results', 'channel_roi') }}
    group by model
),

returns as (
    select * from {{ source('results', 'long_term_roi') }}
    union all by name
    select * from {{ source('results', 'total_roi') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    returns.model,
    returns.as_of_week,
    coalesce(returns.as_of_week = latest.as_of_week, false) as is_latest,
    returns.channel,
    coalesce(channels.label, returns.channel) as label,
    returns.effect,
    returns.path,
    returns.horizon_weeks,
    returns.discount,
    returns.median as roi,
    returns.mean as roi_mean,
    returns.sd as roi_sd,
    returns.q05 as roi_q05,
    returns.q95 as roi_q95,
    returns.positive as positive_share,
    -- an interval that holds 0 does not tell an effect from none, however far out its middle lies
    case
        when returns.positive >= 0.95 then 'above zero'
        when returns.positive <= 0.05 then 'below zero'
        when returns.positive is not null then 'not identified'
    end as reading,
    returns.returns,
    returns.long_term_version,
    returns.model_version,
    returns.posterior_version
from returns
left join latest on returns.model = latest.model
left join channels on returns.channel = channels.channel
