{{ config(meta={'dagster': {'ref': {'name': 'fct_kpi_weekly'}}}, severity='warn') }}
-- KPIs of a market or geo that reference/geos does not list, so that no model has them: correct them, or list the geo.
select
    kpis.market,
    kpis.geo,
    kpis.kpi,
    min(kpis.week_start) as first_week,
    sum(kpis.value) as value
from {{ ref('fct_kpi_weekly') }} as kpis
left join {{ ref('stg_reference__geos') }} as geos
    on
        kpis.market = geos.market
        and kpis.geo = geos.geo
where geos.geo is null
group by kpis.market, kpis.geo, kpis.kpi
