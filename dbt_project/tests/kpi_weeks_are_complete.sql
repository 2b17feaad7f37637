{{ config(meta={'dagster': {'ref': {'name': 'fct_kpi_weekly'}}}, severity='warn') }}
-- Weeks between the first full week and the last that were not reported in full, with the days that were.
-- Their KPI is missing in the model table; a model is fitted without them only if its YAML says so.
with kpis as (
    select distinct
        market,
        kpi
    from {{ ref('fct_kpi_weekly') }}
)

select
    calendar.market,
    geos.geo,
    kpis.kpi,
    calendar.week_start,
    coalesce(kpi.days_reported, 0) as days_reported
from {{ ref('int_calendar_weeks') }} as calendar
inner join {{ ref('stg_reference__geos') }} as geos on calendar.market = geos.market
inner join kpis on calendar.market = kpis.market
left join {{ ref('fct_kpi_weekly') }} as kpi
    on
        calendar.market = kpi.market
        and geos.geo = kpi.geo
        and kpis.kpi = kpi.kpi
        and calendar.week_start = kpi.week_start
where calendar.in_kpi_span and coalesce(kpi.days_reported, 0) < 7
