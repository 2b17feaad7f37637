{{ config(enabled=uses('apple_search_ads')) }}
with report as (
    select * from {{ source('apple_search_ads', 'campaign_report') }}
    {{ latest_export(['date', 'campaign_id']) }}
),

campaigns as (
    {{ last_known(
        source('apple_search_ads', 'campaign_history'), 'id', ['name', 'organization_id'], 'modification_time'
    ) }}
),

renamed as (
    select
        coalesce(campaigns.organization_id, 'unknown') as account_id,
        report.campaign_id,
        coalesce(report.campaign_name, campaigns.name) as booking,
        cast(null as varchar) as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        report.date as activity_date,
        report.local_spend_currency as currency,
        report.local_spend_amount as spend,
        report.impressions,
        report.taps as clicks,
        coalesce(report.tap_installs, report.conversions) as conversions,
        cast(null as double) as conversion_value
    from report
    left join campaigns on report.campaign_id = campaigns.id
)

select * from renamed
