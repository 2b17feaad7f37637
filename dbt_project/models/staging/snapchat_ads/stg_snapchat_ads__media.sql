{{ config(enabled=uses('snapchat_ads')) }}
with report as (
    select * from {{ source('snapchat_ads', 'campaign_hourly_report') }}
    {{ latest_export(['campaign_id', 'date']) }}
),

campaigns as (
    {{ last_known(
        source('snapchat_ads', 'campaign_history'), 'id', ['name', 'ad_account_id', 'objective'], 'updated_at'
    ) }}
),

accounts as (
    {{ last_known(source('snapchat_ads', 'ad_account_history'), 'id', ['currency', 'timezone'], 'updated_at') }}
)

select
    coalesce(campaigns.ad_account_id, 'unknown') as account_id,
    report.campaign_id,
    campaigns.name as booking,
    campaigns.objective as campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    {{ day_in_zone('report.date', 'snapchat_ads', 'accounts.timezone') }} as activity_date,
    accounts.currency,
    sum(report.spend) / 1e6 as spend,
    cast(sum(report.impressions) as bigint) as impressions,
    cast(sum(report.swipes) as bigint) as clicks,
    {{ added_up('report.conversion_purchases') }} as conversions,
    {{ added_up('report.conversion_purchases_value / 1e6') }} as conversion_value
from report
left join campaigns on report.campaign_id = campaigns.id
left join accounts on campaigns.ad_account_id = accounts.id
group by all
