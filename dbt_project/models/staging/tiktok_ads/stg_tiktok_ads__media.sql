{{ config(enabled=uses('tiktok_ads')) }}
with daily as (
    select * from {{ source('tiktok_ads', 'campaign_report') }}
    {{ latest_export(['stat_time_day', 'campaign_id']) }}
),

hourly as (
    select * from {{ source('tiktok_ads', 'campaign_report_hourly') }}
    {{ latest_export(['campaign_id', 'stat_time_hour']) }}
),

hours_added_up as (
    select
        campaign_id,
        cast(stat_time_hour as date) as stat_time_day,
        {{ added_up('spend') }} as spend,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(clicks) as bigint) as clicks,
        {{ added_up('conversion') }} as conversion,
        {{ added_up('total_purchase_value') }} as total_purchase_value
    from hourly
    group by campaign_id, cast(stat_time_hour as date)
),

days as (
    select * from daily
    union all by name
    select * from hours_added_up
),

campaigns as (
    {{ last_known(
        source('tiktok_ads', 'campaign_history'),
        'campaign_id',
        ['advertiser_id', 'campaign_name', 'objective_type'],
        'updated_at'
    ) }}
),

accounts as (
    {{ last_known(source('tiktok_ads', 'advertiser'), 'id', ['currency']) }}
),

renamed as (
    select
        coalesce(days.advertiser_id, campaigns.advertiser_id, 'unknown') as account_id,
        days.campaign_id,
        coalesce(days.campaign_name, campaigns.campaign_name) as booking,
        campaigns.objective_type as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        days.stat_time_day as activity_date,
        coalesce(days.currency, accounts.currency) as currency,
        days.spend,
        days.impressions,
        days.clicks,
        days.conversion as conversions,
        days.total_purchase_value as conversion_value
    from days
    left join campaigns on days.campaign_id = campaigns.campaign_id
    left join accounts on coalesce(days.advertiser_id, campaigns.advertiser_id) = accounts.id
)

select * from renamed
