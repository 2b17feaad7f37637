-- What models are fitted on: one row a market, geo and week, from the market's first full KPI week to its last.
-- A week in between that the shop did not report in full has no revenue: a part of a week would read as a bad week.
{% set channels = ['search', 'meta', 'tiktok', 'linkedin', 'tv', 'ooh'] %}

with calendar as (
    select * from {{ ref('int_calendar_weeks') }}
    where in_kpi_span
),

geos as (
    select * from {{ ref('stg_reference__geos') }}
),

kpi as (
    select * from {{ ref('fct_kpi_weekly') }}
    where days_reported = 7
),

controls as (
    select * from {{ ref('fct_controls_weekly') }}
),

media as (
    select
        market,
        geo,
        week_start,
    {% for channel in channels %}
        sum(spend) filter (where channel = '{{ channel }}') as {{ channel }}_spend,
        sum(impressions) filter (where channel = '{{ channel }}') as {{ channel }}_impressions
        {{- "," if not loop.last }}
    {% endfor %}
    from {{ ref('fct_media_weekly') }}
    group by market, geo, week_start
)

select
    calendar.market,
    geos.geo,
    calendar.week_start,
    cast(geos.population as double) as population,
    kpi.revenue,
    kpi.orders,
    kpi.average_order_value,
    {% for channel in channels %}
        media.{{ channel }}_spend,
        media.{{ channel }}_impressions,
    {% endfor %}
    controls.consumer_confidence,
    controls.competitor_spend
from calendar
inner join geos on calendar.market = geos.market
left join kpi
    on
        calendar.market = kpi.market
        and geos.geo = kpi.geo
        and calendar.week_start = kpi.week_start
left join media
    on
        calendar.market = media.market
        and geos.geo = media.geo
        and calendar.week_start = media.week_start
left join controls
    on
        calendar.market = controls.market
        and calendar.week_start = controls.week_start
