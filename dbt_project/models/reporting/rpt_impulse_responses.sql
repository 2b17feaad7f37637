with latest as (
    select
        model,
        max(as_of_week) as as_of_week
    from {{ source('results', 'channel_roi') }}
    group by model
),

responses as (
    select * from {{ source('results', 'impulse_responses') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    responses.model,
    responses.as_of_week,
    coalesce(responses.as_of_week = latest.as_of_week, false) as is_latest,
    responses.kind,
    responses.cause,
    coalesce(channels.label, responses.cause) as label,
    responses.size,
    responses.response,
    responses.weeks_after,
    responses.unit,
    responses.median,
    responses.q05,
    responses.q95,
    responses.long_term_version,
    responses.model_version,
    responses.posterior_version
from responses
left join latest on responses.model = latest.model
left join channels on responses.kind = 'media' and responses.cause = channels.channel
