{{ config(meta={'dagster': {'ref': {'name': 'int_media_reach'}}}, severity='warn') }}
-- Weeks of which a source states reach, in rows of several days, and the channel's is not known all the same, as that
-- of several rows does not add up. Rows over the edge of a week: export weeks from Monday. Several campaigns, accounts
-- or sources: give each a channel of its own by a mapping rule (levels add up their spend again), or land the reach of
-- all of them together in generic/media. Where no model asks for it, leave the column reach blank in the export.
with stated as (
    select
        market,
        geo,
        channel,
        week_start,
        bool_and(is_of_one_week) as is_of_one_week,
        count(*) as stated_rows
    from ({{ stated_reach() }}) as of_rows
    where days <= 7
    group by market, geo, channel, week_start
),

ran as (
    select
        market,
        geo,
        channel,
        week_start,
        count(distinct source) as sources,
        count(distinct hash(source, account, booking, campaign_type, network)) as campaigns
    from {{ ref('int_media_activity') }}
    where spend_local <> 0 or impressions > 0
    group by market, geo, channel, week_start
),

unknown as (
    select
        stated.market,
        stated.geo,
        stated.channel,
        stated.week_start,
        ran.campaigns,
        case
            when not stated.is_of_one_week then 'its rows run over the edge of a week'
            when ran.sources > 1 then 'several sources have it'
            when ran.campaigns > 1 then 'several campaigns or accounts are in it'
            when stated.stated_rows > 1 then 'several rows are of it'
            else 'its row does not hold all spend and impressions'
        end as reach_unknown_because
    from stated
    inner join ran
        on
            stated.market = ran.market
            and stated.geo = ran.geo
            and stated.channel = ran.channel
            and stated.week_start = ran.week_start
    left join {{ ref('int_media_reach') }} as known
        on
            stated.market = known.market
            and stated.geo = known.geo
            and stated.channel = known.channel
            and stated.week_start = known.week_start
    where known.reach is null
)

select
    market,
    geo,
    channel,
    reach_unknown_because,
    count(*) as weeks,
    min(week_start) as first_week,
    max(week_start) as last_week,
    max(campaigns) as campaigns
from unknown
group by market, geo, channel, reach_unknown_because
order by weeks desc, market asc, geo asc, channel asc, reach_unknown_because asc
