{{ config(enabled=uses('google_ads')) }}
with source as (
    select * from {{ source('google_ads', 'campaign_stats') }}
),

renamed as (
    select
        customer_id as account_id,
        campaign_id,
        campaign_name as booking,
        cast(null as varchar) as campaign_type,
        ad_network_type as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        date as activity_date,
        currency_code as currency,
        cost_micros / 1e6 as spend,
        impressions,
        clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value,
        device
    from source
    {{ latest_export(['customer_id', 'date', 'campaign_id', 'device', 'ad_network_type']) }}
)

select * from renamed
