{{ config(meta={'dagster': {'ref': {'name': 'int_media_spend_weekly'}}}, severity='warn') }}
-- Spend of weeks that are over and of which no KPI of the market is known in full yet: the calendar ends before them,
-- so no mart has it. Export the KPI of these weeks. Of weeks that have not begun dates_are_not_in_the_future tells.
with last_weeks as (
    select
        market,
        max(week_start) as last_week
    from {{ ref('int_calendar_weeks') }}
    group by market
)

select
    media.market,
    media.source,
    media.channel,
    min(media.week_start) as first_week,
    max(media.week_start) as last_week,
    count(distinct media.week_start) as weeks,
    case when count(*) = count(media.spend) then sum(media.spend) end as spend
from {{ ref('int_media_spend_weekly') }} as media
inner join last_weeks on media.market = last_weeks.market
where
    media.week_start > last_weeks.last_week
    and media.week_start + 7 <= current_date
group by media.market, media.source, media.channel
order by spend desc nulls first, market asc, source asc, channel asc
