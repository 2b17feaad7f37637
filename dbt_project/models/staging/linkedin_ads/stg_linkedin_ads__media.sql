{{ config(enabled=uses('linkedin_ads')) }}
with analytics as (
    select * from {{ source('linkedin_ads', 'ad_analytics_by_campaign') }}
    {{ latest_export(['day', 'campaign_id']) }}
),

campaigns as (
    {{ last_known(
        source('linkedin_ads', 'campaign_history'), 'id', ['name', 'account_id', 'type'], 'last_modified_time'
    ) }}
),

accounts as (
    {{ last_known(source('linkedin_ads', 'account_history'), 'id', ['currency'], 'last_modified_time') }}
),

renamed as (
    select
        coalesce(analytics.account_id, campaigns.account_id, 'unknown') as account_id,
        analytics.campaign_id,
        coalesce(analytics.campaign_name, campaigns.name) as booking,
        campaigns.type as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        analytics.day as activity_date,
        coalesce(analytics.local_currency, accounts.currency) as currency,
        analytics.cost_in_local_currency as spend,
        analytics.impressions,
        analytics.clicks,
        analytics.external_website_conversions as conversions,
        analytics.conversion_value_in_local_currency as conversion_value
    from analytics
    left join campaigns on analytics.campaign_id = campaigns.id
    left join accounts on coalesce(analytics.account_id, campaigns.account_id) = accounts.id
)

select * from renamed
