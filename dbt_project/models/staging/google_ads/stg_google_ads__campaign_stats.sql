with source as (
    select * from {{ source('google_ads', 'campaign_stats') }}
),

renamed as (
    select
        customer_id as account_id,
        date as activity_date,
        campaign_id,
        campaign_name,
        {{ campaign_part('market') }} as market,
        {{ campaign_part('geo') }} as geo,
        {{ campaign_part('channel') }} as channel,
        device,
        ad_network_type as network,
        currency_code as currency,
        cost_micros / 1e6 as spend,
        impressions,
        clicks
    from source
    {{ latest_export(['customer_id', 'date', 'campaign_id', 'device', 'ad_network_type']) }}
)

select * from renamed
