{{ config(enabled=uses('amazon_ads')) }}
with report as (
    select * from {{ source('amazon_ads', 'campaign_level_report') }}
    {{ latest_export(['date', 'campaign_id']) }}
),

campaigns as (
    {{ last_known(source('amazon_ads', 'campaign_history'), 'id', ['name', 'profile_id'], 'last_updated_date') }}
),

profiles as (
    {{ last_known(source('amazon_ads', 'profile'), 'id', ['currency_code']) }}
),

renamed as (
    select
        coalesce(campaigns.profile_id, 'unknown') as account_id,
        report.campaign_id,
        coalesce(report.campaign_name, campaigns.name) as booking,
        cast(null as varchar) as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        report.date as activity_date,
        coalesce(report.campaign_budget_currency_code, profiles.currency_code) as currency,
        report.cost as spend,
        report.impressions,
        report.clicks,
        report.purchases_30_d as conversions,
        report.sales_30_d as conversion_value
    from report
    left join campaigns on report.campaign_id = campaigns.id
    left join profiles on campaigns.profile_id = profiles.id
)

select * from renamed
