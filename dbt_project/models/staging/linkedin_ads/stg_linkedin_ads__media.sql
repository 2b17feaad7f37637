{{ config(enabled=uses('linkedin_ads')) }}
with source as (
    select * from {{ source('linkedin_ads', 'ad_analytics_by_campaign') }}
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
        day as activity_date,
        local_currency as currency,
        cost_in_local_currency as spend,
        impressions,
        clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value
    from source
    {{ latest_export(['account_id', 'day', 'campaign_id']) }}
)

select * from renamed
