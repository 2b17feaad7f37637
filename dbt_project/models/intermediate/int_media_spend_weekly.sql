-- Media by week in the marts' own currency. Without a rate the week's spend is unknown, not smaller.
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
        sum(clicks) as clicks,
        sum(cast(conversions as decimal(18, 6))) as conversions,
        sum(cast(conversion_value_local as decimal(18, 6))) as conversion_value_local
    from {{ ref('int_media_activity') }}
    group by source, market, geo, channel, week_start, currency
),

converted as (
    select
        activity.*,
        {{ at_rate('activity.spend_local', 'activity.currency') }} as spend,
        {{ at_rate('activity.conversion_value_local', 'activity.currency') }} as conversion_value
    from activity
    left join {{ ref('int_exchange_rates') }} as rates
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
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(conversions) as double) as conversions,
    case
        when count(conversion_value) = count(conversion_value_local) then sum(conversion_value order by currency)
    end as conversion_value
from converted
group by source, market, geo, channel, week_start
