{{ config(enabled=uses('google_ads')) }}
with stats as (
    select * from {{ source('google_ads', 'campaign_stats') }}
    {{ latest_export(['customer_id', 'date', 'campaign_id', 'device', 'ad_network_type']) }}
),

campaigns as (
    {{ last_known(source('google_ads', 'campaign_history'), 'id', ['name', 'advertising_channel_type'], 'updated_at') }}
),

accounts as (
    {{ last_known(source('google_ads', 'account_history'), 'id', ['currency_code'], 'updated_at') }}
),

renamed as (
    select
        stats.customer_id as account_id,
        stats.campaign_id,
        coalesce(stats.campaign_name, campaigns.name) as booking,
        campaigns.advertising_channel_type as campaign_type,
        stats.ad_network_type as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        stats.date as activity_date,
        coalesce(stats.currency_code, accounts.currency_code) as currency,
        stats.cost_micros / 1e6 as spend,
        stats.impressions,
        stats.clicks,
        stats.conversions,
        stats.conversions_value as conversion_value,
        stats.device
    from stats
    left join campaigns on stats.campaign_id = campaigns.id
    left join accounts on stats.customer_id = accounts.id
)

select * from renamed
