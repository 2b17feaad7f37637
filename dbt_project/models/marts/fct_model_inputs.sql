-- Everything a model may be fitted on, in long form: one row a market, geo, week and variable, from the market's first
-- full KPI week to its last. A week in between that is not known in full has no KPI: a part of a week would read as a
-- bad week. A channel's levels (platform, type of campaign, funnel stage, whatever reference/channel_levels names) are
-- variables too: the sum of their channels, but for reach and frequency, which do not add up.
-- No model is fitted where too much is unmapped: depends_on: {{ ref('fct_unmapped_spend') }}
{%- set all_came = "count(*) filter (where media.delivery in ('missing', 'awaited')) = 0" %}
{%- set measures = ['spend', 'impressions', 'clicks', 'conversions'] %}

with calendar as (
    select
        market,
        week_start
    from {{ ref('int_calendar_weeks') }}
    where in_kpi_span
),

geos as (
    select * from {{ ref('stg_reference__geos') }}
),

spine as (
    select
        calendar.market,
        geos.geo,
        calendar.week_start,
        geos.population
    from calendar
    inner join geos on calendar.market = geos.market
),

media as (
    select
        market,
        geo,
        week_start,
        channel as name,
        spend,
        impressions,
        clicks,
        conversions
    from {{ ref('fct_media_weekly') }}
    union all
    select
        media.market,
        media.geo,
        media.week_start,
        levels.name,
        case when count(media.spend) = count(*) then sum(media.spend order by media.channel) end as spend,
        -- a channel that never reports clicks adds none; one of which nothing came makes the sum unknown
        case when {{ all_came }} then sum(media.impressions order by media.channel) end as impressions,
        case when {{ all_came }} then sum(media.clicks) end as clicks,
        case when {{ all_came }} then sum(media.conversions order by media.channel) end as conversions
    from {{ ref('fct_media_weekly') }} as media
    inner join {{ ref('stg_reference__channel_levels') }} as levels on media.channel = levels.channel
    group by media.market, media.geo, media.week_start, levels.name
),

reached as (
    select
        *,
        max(reach) over (partition by channel) > 0 as is_known
    from {{ ref('fct_media_weekly') }}
),

variables as (
    select
        market,
        geo,
        week_start,
        'population' as kind,
        'population' as variable,
        population as value
    from spine
    union all
    select
        market,
        geo,
        week_start,
        'kpi' as kind,
        kpi as variable,
        value
    from {{ ref('fct_kpi_weekly') }}
    where days_reported >= 7
    {% for measure in measures %}
        union all
        select
            market,
            geo,
            week_start,
            '{{ measure }}' as kind,
            name || '_{{ measure }}' as variable,
            cast({{ measure }} as double) as value
        from media
    {% endfor %}
    {% for measure in ['reach', 'frequency'] %}
        union all
        select
            market,
            geo,
            week_start,
            '{{ measure }}' as kind,
            channel || '_{{ measure }}' as variable,
            cast({{ measure }} as double) as value
        from reached
        where is_known
    {% endfor %}
    union all
    select
        controls.market,
        spine.geo,
        controls.week_start,
        'control' as kind,
        controls.control as variable,
        controls.value
    from {{ ref('fct_controls_weekly') }} as controls
    inner join spine
        on
            controls.market = spine.market
            and controls.week_start = spine.week_start
            and (controls.geo = 'all' or controls.geo = spine.geo)
)

select
    spine.market,
    spine.geo,
    spine.week_start,
    variables.kind,
    variables.variable,
    cast(variables.value as double) as value
from variables
inner join spine
    on
        variables.market = spine.market
        and variables.geo = spine.geo
        and variables.week_start = spine.week_start
-- what no source of a channel ever reports, such as the clicks of television, is no variable
qualify count(variables.value) over (partition by variables.variable) > 0
