{{ config(enabled=uses('generic')) }}
with source as (
    select * from {{ source('generic', 'media') }}
),

days as (
    {{ days_covered('source', 'date', 'date_stop') }}
)

select
    'all' as account_id,
    cast(null as varchar) as campaign_id,
    campaign as booking,
    cast(null as varchar) as campaign_type,
    cast(null as varchar) as network,
    market,
    geo,
    channel,
    activity_date,
    case when spend = 0 then coalesce(currency, '{{ var("currency") }}') else currency end as currency,
    {{ share_of_day('spend', 'date') }} as spend,
    {{ share_of_day('impressions', 'date') }} as impressions,
    {{ share_of_day('clicks', 'date', decimals=0) }} as clicks,
    {{ share_of_day('conversions', 'date') }} as conversions,
    {{ share_of_day('conversion_value', 'date') }} as conversion_value
from days
{{ latest_export(['market', 'geo', 'channel', 'campaign', 'activity_date']) }}
