-- What reports claim, in US dollars at the week's rate; without one a week's revenue is unknown, not smaller.
-- A claim without a market or a channel keeps its row under '(unmapped)': nothing that is reported is lost.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
with claims as (
    select
        coalesce(market, '(unmapped)') as market,
        coalesce(channel, '(unmapped)') as channel,
        {{ week_start('activity_date') }} as week_start,
        platform,
        attribution_model,
        coalesce(
            nullif(
                concat_ws(
                    ', ',
                    click_window_days || 'd click',
                    case when view_window_days > 0 then view_window_days || 'd view' end
                ),
                ''
            ),
            'not stated'
        ) as attribution_window,
        currency,
        activity_date,
        cast(conversions as decimal(18, 6)) as conversions,
        cast(revenue as decimal(18, 6)) as revenue
    from {{ ref('stg_attribution__platform_reports') }}
),

days as (
    select
        market,
        channel,
        week_start,
        platform,
        attribution_model,
        attribution_window,
        count(distinct activity_date) as days_reported
    from claims
    group by all
),

weekly as (
    select
        market,
        channel,
        week_start,
        platform,
        attribution_model,
        attribution_window,
        currency,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from claims
    group by all
),

converted as (
    select
        weekly.market,
        weekly.channel,
        weekly.week_start,
        weekly.platform,
        weekly.attribution_model,
        weekly.attribution_window,
        sum(weekly.conversions) as conversions,
        case
            when count(*) = count(*) filter (weekly.currency = 'USD' or rates.rate_to_usd is not null)
                then
                    sum(
                        cast(weekly.revenue as double)
                        * case weekly.currency when 'USD' then 1 else rates.rate_to_usd end
                        order by weekly.currency
                    )
        end as revenue
    from weekly
    left join {{ ref('stg_reference__exchange_rates') }} as rates
        on
            weekly.currency = rates.currency
            and weekly.week_start = rates.week_start
    group by all
),

spend as (
    select
        market,
        channel,
        week_start,
        case when count(spend) = count(*) then sum(spend order by geo) end as spend
    from {{ ref('fct_media_weekly') }}
    group by market, channel, week_start
)

select
    converted.market,
    converted.channel,
    channels.channel is not null as is_known_channel,
    converted.week_start,
    converted.platform,
    converted.attribution_model,
    converted.attribution_window,
    cast(days.days_reported as integer) as days_reported,
    cast(spend.spend as double) as spend,
    cast(converted.conversions as double) as conversions,
    cast(converted.revenue as double) as revenue,
    'USD' as currency
from converted
inner join days using (market, channel, week_start, platform, attribution_model, attribution_window)
left join spend
    on
        converted.market = spend.market
        and converted.channel = spend.channel
        and converted.week_start = spend.week_start
left join {{ ref('dim_channel') }} as channels on converted.channel = channels.channel
