-- Dense over weeks, so that nothing downstream has to guess what an absent row means:
--   reported     the sources of the channel have rows
--   partial      an account of the channel has rows on fewer days of the week than usual, a source of it has none, or
--                rows of a source of it lie in quarantine: spend as far as it was delivered, 0 where nothing was
--   no_activity  they delivered the market's week, without this geo or channel: spend 0; or they are silent, and
--                sources.yaml says that this is no spend
--   missing      they delivered nothing for the market's week, and something for a later one: spend unknown
--   awaited      they have delivered nothing for the market since: it has not arrived yet, or stopped: spend unknown
-- Reach is known where int_media_reach has it, and 0 where nothing ran.
with calendar as (
    select * from {{ ref('int_calendar_weeks') }}
),

geos as (
    select * from {{ ref('stg_reference__geos') }}
),

spend as (
    select * from {{ ref('int_media_spend_weekly') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
),

channels_of_market as (
    select distinct
        spend.market,
        channels.channel,
        spend.source,
        channels.channel_group
    from spend
    inner join channels on spend.channel = channels.channel
),

deliveries as (
    select distinct
        market,
        source,
        week_start
    from spend
),

spans as (
    select
        market,
        source,
        min(week_start) as first_week,
        max(week_start) as last_week
    from deliveries
    group by market, source
),

accounts_of_channel as (
    select distinct
        market,
        source,
        account,
        channel
    from {{ ref('int_media_activity') }}
),

partial_weeks as (
    select distinct
        accounts_of_channel.market,
        accounts_of_channel.source,
        accounts_of_channel.channel,
        delivery.week_start
    from {{ ref('int_media_delivery') }} as delivery
    inner join accounts_of_channel using (market, source, account)
    where delivery.days_delivered < delivery.days_usual and not delivery.is_rest
),

-- whose channel and market the rows are of is not asked: they may be what is wrong with them
set_aside as (
    select distinct
        source,
        {{ week_start('day') }} as week_start
    from {{ source('landing', 'landing_quarantine') }}
    where
        replaced_by is null
        and day is not null
        and source_table in {{ media_tables() }}
),

spine as (
    select
        calendar.market,
        geos.geo,
        channels_of_market.channel,
        channels_of_market.source,
        channels_of_market.channel_group,
        calendar.week_start
    from calendar
    inner join geos on calendar.market = geos.market
    inner join channels_of_market on calendar.market = channels_of_market.market
),

by_source as (
    select
        spine.market,
        spine.geo,
        spine.channel,
        spine.source,
        spine.week_start,
        spine.channel_group,
        spend.spend,
        spend.impressions,
        spend.clicks,
        spend.conversions,
        spend.conversion_value,
        spend.channel is not null as has_rows,
        case
            when spend.channel is null and deliveries.source is null
                then case
                    when set_aside.source is not null then 'missing'
                    when spine.source in {{ silent_sources(['zero']) }} then 'no_activity'
                    when
                        spine.source in {{ silent_sources(['between']) }}
                        and spine.week_start between spans.first_week and spans.last_week
                        then 'no_activity'
                    when spine.week_start > spans.last_week then 'awaited'
                    else 'missing'
                end
            when partial_weeks.source is not null or set_aside.source is not null then 'partial'
            when spend.channel is not null then 'reported'
            else 'no_activity'
        end as delivery
    from spine
    inner join spans
        on
            spine.market = spans.market
            and spine.source = spans.source
    left join spend
        on
            spine.market = spend.market
            and spine.geo = spend.geo
            and spine.channel = spend.channel
            and spine.source = spend.source
            and spine.week_start = spend.week_start
    left join deliveries
        on
            spine.market = deliveries.market
            and spine.source = deliveries.source
            and spine.week_start = deliveries.week_start
    left join partial_weeks
        on
            spine.market = partial_weeks.market
            and spine.source = partial_weeks.source
            and spine.channel = partial_weeks.channel
            and spine.week_start = partial_weeks.week_start
    left join set_aside
        on
            spine.source = set_aside.source
            and spine.week_start = set_aside.week_start
),

labelled as (
    select
        market,
        geo,
        channel,
        week_start,
        any_value(channel_group) as channel_group,
        case
            when bool_and(delivery = 'awaited') then 'awaited'
            when bool_and(delivery in ('missing', 'awaited')) then 'missing'
            when bool_or(delivery in ('missing', 'awaited', 'partial')) then 'partial'
            when bool_and(delivery = 'no_activity') then 'no_activity'
            else 'reported'
        end as delivery,
        not bool_or(has_rows or delivery in ('missing', 'awaited')) as is_zero,
        -- a source with rows and no amount has no exchange rate
        case when not bool_or(has_rows and spend is null) then sum(spend order by source) end as spend,
        sum(impressions order by source) as impressions,
        sum(clicks) as clicks,
        sum(conversions order by source) as conversions,
        sum(conversion_value order by source) as conversion_value
    from by_source
    group by market, geo, channel, week_start
)

select
    labelled.market,
    labelled.geo,
    labelled.channel,
    labelled.week_start,
    cast(case when labelled.is_zero then 0 else labelled.spend end as double) as spend,
    cast(case when labelled.is_zero then 0 else labelled.impressions end as double) as impressions,
    cast(case when labelled.is_zero then 0 else reached.reach end as bigint) as reach,
    cast(labelled.impressions / reached.reach as double) as frequency,
    cast(
        case when labelled.is_zero and labelled.channel_group = 'online' then 0 else labelled.clicks end as bigint
    ) as clicks,
    cast(labelled.conversions as double) as conversions,
    cast(labelled.conversion_value as double) as conversion_value,
    labelled.delivery
from labelled
left join {{ ref('int_media_reach') }} as reached
    on
        labelled.market = reached.market
        and labelled.geo = reached.geo
        and labelled.channel = reached.channel
        and labelled.week_start = reached.week_start
