{{ config(enabled=uses('stock_outs')) }}
-- out_of_stock_share: what could not be bought on each day, as a share of usual sales and at most all of them, mean
-- over the week.
with source as (
    select * from {{ source('stock_outs', 'periods') }}
),

covered as (
    {{ days_covered('source', 'date_start', 'date_stop') }}
),

listed as (
    select
        market,
        geo,
        activity_date,
        share
    from covered
    {{ latest_export(['market', 'geo', 'item', 'activity_date']) }}
),

listed_by_geo as (
    {{ days_of_weeks('listed') }}
),

days as (
    select
        market,
        geo,
        week_start,
        day,
        least(1, coalesce(sum(share order by share), 0)) as share
    from listed_by_geo
    group by market, geo, week_start, day
)

select
    market,
    geo,
    'out_of_stock_share' as control,
    week_start,
    avg(share order by day) as value
from days
group by market, geo, week_start
