{{ config(enabled=uses('display')) }}
with dv360 as (
    select * from {{ source('display', 'dv360_report') }}
    {{ latest_export(['advertiser_id', 'date', 'insertion_order_id']) }}
),

cm360 as (
    select * from {{ source('display', 'cm360_report') }}
    {{ latest_export(['advertiser_id', 'date', 'campaign_id', 'site']) }}
),

renamed as (
    select
        advertiser_id as account_id,
        insertion_order_id as campaign_id,
        insertion_order as booking,
        'DV360' as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        date as activity_date,
        advertiser_currency as currency,
        revenue_adv_currency as spend,
        impressions,
        clicks,
        total_conversions as conversions,
        cast(null as double) as conversion_value
    from dv360
    union all
    select
        advertiser_id as account_id,
        campaign_id,
        campaign as booking,
        'CM360' as campaign_type,
        site as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        date as activity_date,
        currency,
        media_cost as spend,
        impressions,
        clicks,
        total_conversions as conversions,
        total_revenue as conversion_value
    from cm360
)

select * from renamed
