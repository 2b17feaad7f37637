{{ config(meta={'dagster': {'ref': {'name': 'fct_controls_weekly'}}}, severity='warn') }}
-- Controls of a market or geo that reference/geos does not list, so that no model has them: correct them, or list it.
select
    controls.market,
    controls.geo,
    controls.control,
    min(controls.week_start) as first_week
from {{ ref('fct_controls_weekly') }} as controls
left join {{ ref('stg_reference__geos') }} as geos
    on
        controls.market = geos.market
        and (controls.geo = 'all' or controls.geo = geos.geo)
where geos.market is null
group by controls.market, controls.geo, controls.control
