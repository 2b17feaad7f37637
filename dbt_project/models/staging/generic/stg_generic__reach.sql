{{ config(enabled=uses('generic')) }}
-- Rows are as they were exported, not spread: people who were reached in several days are not those of each day.
select
    'all' as account_id,
    cast(null as varchar) as campaign_id,
    campaign as booking,
    cast(null as varchar) as campaign_type,
    cast(null as varchar) as network,
    market,
    geo,
    channel,
    date as first_day,
    date_stop as last_day,
    spend,
    impressions,
    reach
from {{ source('generic', 'media') }}
where date < date_stop
{{ latest_export(['date', 'date_stop', 'market', 'geo', 'channel', 'campaign']) }}
