{{ config(enabled=uses('meta_ads')) }}
-- Rows are as they were exported, not spread: people who were reached in several days are not those of each day.
select
    account_id,
    campaign_id,
    campaign_name as booking,
    cast(null as varchar) as campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    date_start as first_day,
    date_stop as last_day,
    spend,
    impressions,
    reach
from {{ source('meta_ads', 'campaign_insights') }}
where date_start < date_stop
{{ latest_export(['account_id', 'date_start', 'date_stop', 'campaign_id']) }}
