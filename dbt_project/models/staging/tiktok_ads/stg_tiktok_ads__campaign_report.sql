with source as (
    select * from {{ source('tiktok_ads', 'campaign_report') }}
),

renamed as (
    select
        advertiser_id as account_id,
        stat_time_day as activity_date,
        campaign_id,
        campaign_name,
        {{ campaign_part('market') }} as market,
        {{ campaign_part('geo') }} as geo,
        {{ campaign_part('channel') }} as channel,
        currency,
        spend,
        impressions,
        clicks
    from source
    {{ latest_export(['advertiser_id', 'stat_time_day', 'campaign_id']) }}
)

select * from renamed
