{{ config(enabled=uses('hubspot')) }}
-- Owned media: nothing is spent, impressions are e-mails delivered. Opens and clicks of machines are left out.
with source as (
    select * from {{ source('hubspot', 'email_event') }}
),

events as (
    select * from source
    {{ latest_export(['id']) }}
),

campaigns as (
    select * from {{ source('hubspot', 'email_campaign') }}
    {{ latest_export(['id']) }}
)

select
    coalesce(events.portal_id, 'all') as account_id,
    events.email_campaign_id as campaign_id,
    coalesce(campaigns.name, events.email_campaign_id) as booking,
    campaigns.type as campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    'email' as channel,
    {{ day_in_zone('events.created', 'hubspot') }} as activity_date,
    '{{ var("currency") }}' as currency,
    cast(0 as double) as spend,
    count(*) filter (where events.type = 'DELIVERED') as impressions,
    count(*) filter (where events.type = 'CLICK' and not coalesce(events.filtered_event, false)) as clicks,
    cast(null as double) as conversions,
    cast(null as double) as conversion_value,
    count(*) filter (where events.type = 'SENT') as sends,
    count(*) filter (where events.type = 'OPEN' and not coalesce(events.filtered_event, false)) as opens
from events
left join campaigns on events.email_campaign_id = campaigns.id
where events.type in ('SENT', 'DELIVERED', 'OPEN', 'CLICK')
group by all
