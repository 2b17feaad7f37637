-- Reach does not add up over days, campaigns or geos: people whom two rows reached may be the same. So the reach of a
-- week is known where one row alone holds all that was spent and shown of it, and not worked out where there are more.
{%- set columns = [
    'account_id', 'booking', 'campaign_type', 'network', 'market', 'geo', 'channel', 'first_day', 'last_day', 'spend',
    'impressions', 'reach',
] %}

with stated as (
    {{ all_sources('reach', columns) }}
),

of_weeks as (
    select
        source,
        cast(account_id as varchar) as account,
        cast(booking as varchar) as booking,
        cast(campaign_type as varchar) as campaign_type,
        cast(network as varchar) as network,
        cast(market as varchar) as stated_market,
        cast(geo as varchar) as stated_geo,
        cast(channel as varchar) as stated_channel,
        {{ week_start('first_day') }} as week_start,
        cast(spend as decimal(18, 6)) as spend_local,
        cast(impressions as decimal(18, 6)) as impressions,
        cast(reach as bigint) as reach
    from stated
    where reach > 0 and {{ week_start('first_day') }} = {{ week_start('last_day') }}
),

totals as (
    select
        market,
        geo,
        channel,
        week_start,
        sum(cast(spend_local as decimal(18, 6))) as spend_local,
        sum(cast(impressions as decimal(18, 6))) as impressions
    from {{ ref('int_media_activity') }}
    where market is not null
    group by market, geo, channel, week_start
)

select
    totals.market,
    totals.geo,
    totals.channel,
    totals.week_start,
    max(of_weeks.reach) as reach
from of_weeks
inner join {{ ref('int_campaign_mapping') }} as mapping on {{ campaign_key('of_weeks') }} = mapping.campaign_key
inner join totals
    on
        mapping.market = totals.market
        and mapping.geo = totals.geo
        and mapping.channel = totals.channel
        and of_weeks.week_start = totals.week_start
        and of_weeks.spend_local = totals.spend_local
        and of_weeks.impressions = totals.impressions
where of_weeks.impressions > 0
group by totals.market, totals.geo, totals.channel, totals.week_start
