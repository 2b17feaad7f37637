{{ config(enabled=uses('klaviyo')) }}
-- Owned media: nothing is spent, impressions are messages received.
with source as (
    select * from {{ source('klaviyo', 'event') }}
),

events as (
    select * from source
    {{ latest_export(['id']) }}
),

campaigns as (
    select * from {{ source('klaviyo', 'campaign') }}
    {{ latest_export(['id']) }}
),

flows as (
    select * from {{ source('klaviyo', 'flow') }}
    {{ latest_export(['id']) }}
),

metrics as (
    select * from {{ source('klaviyo', 'metric') }}
    {{ latest_export(['id']) }}
),

messages as (
    select
        {{ day_in_zone('events.datetime', 'klaviyo') }} as activity_date,
        coalesce(events.campaign_id, events.flow_id) as campaign_id,
        coalesce(campaigns.name, flows.name, events.campaign_id, events.flow_id) as booking,
        case
            when events.campaign_id is not null then 'campaign'
            when events.flow_id is not null then 'flow'
        end as campaign_type,
        lower(coalesce(events.type, metrics.name)) as happened
    from events
    left join campaigns on events.campaign_id = campaigns.id
    left join flows on events.flow_id = flows.id
    left join metrics on events.metric_id = metrics.id
    where not coalesce(events._fivetran_deleted, false)
)

select
    'all' as account_id,
    campaign_id,
    booking,
    campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    case when happened like '% sms' then 'sms' else 'email' end as channel,
    activity_date,
    '{{ var("currency") }}' as currency,
    cast(0 as double) as spend,
    count(*) filter (where happened like 'received %') as impressions,
    count(*) filter (where happened like 'clicked %') as clicks,
    cast(null as double) as conversions,
    cast(null as double) as conversion_value,
    count(*) filter (where happened like 'opened %') as opens
from messages
where regexp_full_match(happened, '(received|opened|clicked) (email|sms)')
group by all
