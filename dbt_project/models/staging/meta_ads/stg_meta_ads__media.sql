{{ config(enabled=uses('meta_ads')) }}
with source as (
    select * from {{ source('meta_ads', 'campaign_insights') }}
),

days as (
    {{ days_covered('source', 'date_start', 'date_stop') }}
),

renamed as (
    select
        account_id,
        campaign_id,
        campaign_name as booking,
        cast(null as varchar) as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        activity_date,
        account_currency as currency,
        {{ share_of_day('spend', 'date_start') }} as spend,
        {{ share_of_day('impressions', 'date_start', decimals=0) }} as impressions,
        {{ share_of_day('inline_link_clicks', 'date_start', decimals=0) }} as clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value,
        case when days_covered = 1 then reach end as reach
    from days
    {{ latest_export(['account_id', 'activity_date', 'campaign_id']) }}
)

select * from renamed
