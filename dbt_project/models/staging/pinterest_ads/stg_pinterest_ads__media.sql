{{ config(enabled=uses('pinterest_ads')) }}
with report as (
    select * from {{ source('pinterest_ads', 'campaign_report') }}
    {{ latest_export(['date', 'campaign_id']) }}
),

campaigns as (
    {{ last_known(
        source('pinterest_ads', 'campaign_history'), 'id', ['name', 'advertiser_id', 'objective_type'], 'synced_at'
    ) }}
),

accounts as (
    {{ last_known(source('pinterest_ads', 'advertiser_history'), 'id', ['currency'], 'updated_time') }}
),

renamed as (
    select
        coalesce(report.advertiser_id, campaigns.advertiser_id, 'unknown') as account_id,
        report.campaign_id,
        coalesce(report.campaign_name, campaigns.name) as booking,
        campaigns.objective_type as campaign_type,
        cast(null as varchar) as network,
        cast(null as varchar) as market,
        cast(null as varchar) as geo,
        cast(null as varchar) as channel,
        report.date as activity_date,
        accounts.currency,
        report.spend_in_micro_dollar / 1e6 as spend,
        report.impression_1 as impressions,
        report.clickthrough_1 as clicks,
        report.total_conversions as conversions,
        report.total_conversions_value_in_micro_dollar / 1e6 as conversion_value
    from report
    left join campaigns on report.campaign_id = campaigns.id
    left join accounts on coalesce(report.advertiser_id, campaigns.advertiser_id) = accounts.id
)

select * from renamed
