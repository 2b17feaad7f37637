{{ config(meta={'dagster': {'ref': {'name': 'fct_kpi_weekly'}}}, severity='warn') }}
-- Weeks between the first full week and the last that the shop did not report in full, with the days it did report.
-- They have no revenue in mmm_model_table; a model is fitted without them only if its YAML says so.
select
    calendar.market,
    geos.geo,
    calendar.week_start,
    coalesce(kpi.days_reported, 0) as days_reported
from {{ ref('int_calendar_weeks') }} as calendar
inner join {{ ref('stg_reference__geos') }} as geos on calendar.market = geos.market
left join {{ ref('fct_kpi_weekly') }} as kpi
    on
        calendar.market = kpi.market
        and geos.geo = kpi.geo
        and calendar.week_start = kpi.week_start
where calendar.in_kpi_span and coalesce(kpi.days_reported, 0) < 7
