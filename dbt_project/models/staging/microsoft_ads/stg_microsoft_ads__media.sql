{{ config(enabled=uses('microsoft_ads')) }}
with report as (
    select * from {{ source('microsoft_ads', 'campaign_performance_daily_report') }}
    {{ latest_export([
        'account_id', 'date', 'campaign_id', 'device_os', 'device_type', 'network', 'ad_distribution', 'bid_match_type',
        'delivered_match_type', 'top_vs_other',
    ]) }}
),

campaigns as (
    {{ last_known(source('microsoft_ads', 'campaign_history'), 'id', ['name', 'type'], 'modified_time') }}
),

accounts as (
    {{ last_known(source('microsoft_ads', 'account_history'), 'id', ['currency_code'], 'last_modified_time') }}
)

select
    report.account_id,
    report.campaign_id,
    coalesce(report.campaign_name, campaigns.name) as booking,
    campaigns.type as campaign_type,
    report.network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    report.date as activity_date,
    coalesce(report.currency_code, accounts.currency_code) as currency,
    {{ added_up('report.spend') }} as spend,
    cast(sum(report.impressions) as bigint) as impressions,
    cast(sum(report.clicks) as bigint) as clicks,
    {{ added_up('coalesce(report.conversions_qualified, report.conversions)') }} as conversions,
    {{ added_up('report.revenue') }} as conversion_value,
    report.device_type as device
from report
left join campaigns on report.campaign_id = campaigns.id
left join accounts on report.account_id = accounts.id
group by all
