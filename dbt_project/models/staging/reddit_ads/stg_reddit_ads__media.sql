{{ config(enabled=uses('reddit_ads')) }}
with report as (
    select * from {{ source('reddit_ads', 'campaign_report') }}
    {{ latest_export(['account_id', 'date', 'campaign_id']) }}
),

events as (
    select * from {{ source('reddit_ads', 'campaign_conversions_report') }}
    {{ latest_export(['account_id', 'date', 'campaign_id', 'event_name']) }}
),

days as (
    select
        account_id,
        date,
        campaign_id,
        spend,
        impressions,
        clicks,
        cast(null as double) as conversions
    from report
    union all by name
    select
        account_id,
        date,
        campaign_id,
        click_through_conversion_attribution_window_month as conversions
    from events
    where event_name = 'purchase'
),

campaigns as (
    {{ last_known(source('reddit_ads', 'campaign'), 'id', ['name', 'objective']) }}
),

accounts as (
    {{ last_known(source('reddit_ads', 'account'), 'id', ['currency']) }}
)

select
    days.account_id,
    days.campaign_id,
    campaigns.name as booking,
    campaigns.objective as campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    days.date as activity_date,
    accounts.currency,
    coalesce(sum(days.spend), 0) / 1e6 as spend,
    cast(sum(days.impressions) as bigint) as impressions,
    cast(sum(days.clicks) as bigint) as clicks,
    {{ added_up('days.conversions') }} as conversions,
    cast(null as double) as conversion_value
from days
left join campaigns on days.campaign_id = campaigns.id
left join accounts on days.account_id = accounts.id
group by all
