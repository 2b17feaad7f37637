{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- A market and geo that reference/geos does not list: correct the campaign's name or the invoice, or add the geo.
select
    activity.source,
    activity.booking,
    activity.market,
    activity.geo,
    min(activity.activity_date) as first_day
from {{ ref('int_media_activity') }} as activity
left join {{ ref('stg_reference__geos') }} as geos
    on
        activity.market = geos.market
        and activity.geo = geos.geo
where activity.market is not null and geos.geo is null
group by activity.source, activity.booking, activity.market, activity.geo
