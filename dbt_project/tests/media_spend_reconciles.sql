{{ config(meta={'dagster': {'ref': {'name': 'fct_media_weekly'}}}) }}
-- The mart's spend is the sources' spend, week by week and channel by channel, to the cent.
with staged as (
    select
        activity.market,
        activity.channel,
        activity.week_start,
        sum({{ at_rate('activity.spend_local', 'activity.currency') }}) as spend
    from {{ ref('int_media_activity') }} as activity
    inner join {{ ref('int_calendar_weeks') }} as calendar
        on
            activity.market = calendar.market
            and activity.week_start = calendar.week_start
    left join {{ ref('int_exchange_rates') }} as rates
        on
            activity.currency = rates.currency
            and activity.week_start = rates.week_start
    group by activity.market, activity.channel, activity.week_start
),

mart as (
    select
        market,
        channel,
        week_start,
        sum(spend) as spend
    from {{ ref('fct_media_weekly') }}
    group by market, channel, week_start
)

select
    market,
    channel,
    week_start,
    staged.spend as staged_spend,
    mart.spend as mart_spend
from staged
full outer join mart using (market, channel, week_start)
where abs(coalesce(staged.spend, 0) - coalesce(mart.spend, 0)) > 0.01
