{{ config(enabled=uses('tiktok_ads')) }}
with source as (
    select * from {{ source('tiktok_ads', 'campaign_report') }}
),

renamed as (
    select
        advertiser_id as account_id,
        campaign_id,
        campaign_name as booking,
        cast(null as varchar) as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        stat_time_day as activity_date,
        currency,
        spend,
        impressions,
        clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value
    from source
    {{ latest_export(['advertiser_id', 'stat_time_day', 'campaign_id']) }}
)

select * from renamed
