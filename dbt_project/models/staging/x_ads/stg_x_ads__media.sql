{{ config(enabled=uses('x_ads')) }}
with report as (
    select * from {{ source('x_ads', 'campaign_report') }}
    {{ latest_export(['account_id', 'campaign_id', 'date', 'placement']) }}
),

campaigns as (
    {{ last_known(source('x_ads', 'campaign_history'), 'id', ['name', 'currency', 'objective'], 'updated_at') }}
),

accounts as (
    {{ last_known(source('x_ads', 'account_history'), 'id', ['timezone'], 'updated_at') }}
)

select
    report.account_id,
    report.campaign_id,
    campaigns.name as booking,
    campaigns.objective as campaign_type,
    report.placement as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    {{ day_in_zone('report.date', 'x_ads', 'accounts.timezone') }} as activity_date,
    campaigns.currency,
    sum(report.billed_charge_local_micro) / 1e6 as spend,
    cast(sum(report.impressions) as bigint) as impressions,
    cast(sum(report.clicks) as bigint) as clicks,
    {{ added_up('report.conversion_purchases_metric') }} as conversions,
    cast(null as double) as conversion_value
from report
left join campaigns on report.campaign_id = campaigns.id
left join accounts on report.account_id = accounts.id
group by all
