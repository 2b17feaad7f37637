-- Reach does not add up over days, campaigns or geos: people whom two rows reached may be the same. So the reach of a
-- week is known where one row alone holds all that was spent and shown of it, and not worked out where there are more.
with stated as (
    {{ stated_reach() }}
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
    max(stated.reach) as reach
from stated
inner join totals
    on
        stated.market = totals.market
        and stated.geo = totals.geo
        and stated.channel = totals.channel
        and stated.week_start = totals.week_start
        and stated.spend_local = totals.spend_local
        and stated.impressions = totals.impressions
where stated.is_of_one_week and stated.impressions > 0
group by totals.market, totals.geo, totals.channel, totals.week_start
