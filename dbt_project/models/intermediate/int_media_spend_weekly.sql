-- Spend in US dollars at the week's rate. Without a rate the week's spend is unknown, not smaller.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
with activity as (
    select
        source,
        market,
        geo,
        channel,
        week_start,
        currency,
        sum(cast(spend_local as decimal(18, 6))) as spend_local,
        sum(cast(impressions as decimal(18, 6))) as impressions,
        sum(clicks) as clicks
    from {{ ref('int_media_activity') }}
    group by source, market, geo, channel, week_start, currency
),

rates as (
    select * from {{ ref('stg_reference__exchange_rates') }}
),

converted as (
    select
        activity.*,
        cast(activity.spend_local as double)
        * case activity.currency when 'USD' then 1 else rates.rate_to_usd end as spend
    from activity
    left join rates
        on
            activity.currency = rates.currency
            and activity.week_start = rates.week_start
)

select
    source,
    market,
    geo,
    channel,
    week_start,
    case when count(spend) = count(*) then sum(spend order by currency) end as spend,
    cast(sum(impressions) as double) as impressions,
    cast(sum(clicks) as bigint) as clicks
from converted
group by source, market, geo, channel, week_start
