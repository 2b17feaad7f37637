{{ config(enabled=uses('holidays')) }}
-- Days of the week that are a holiday of each kind. A market's dates are of whole years: weeks wholly inside them
-- without one have 0, weeks that reach over their edge are left out.
with source as (
    select * from {{ source('holidays', 'dates') }}
),

dates as (
    select distinct
        market,
        geo,
        kind || '_days' as control,
        date
    from source
),

years as (
    select
        market,
        cast(date_trunc('year', min(date)) as date) as first_day,
        cast(date_trunc('year', max(date)) + interval 1 year as date) - 1 as last_day
    from dates
    group by market
),

weeks as (
    select
        market,
        cast(unnest(generate_series(
            {{ week_start('first_day + 6') }}, {{ week_start('last_day - 6') }}, interval 7 day
        )) as date) as week_start
    from years
),

kinds as (
    select distinct
        market,
        control
    from dates
)

select
    geos.market,
    geos.geo,
    kinds.control,
    weeks.week_start,
    count(distinct dates.date) as value
from {{ ref('stg_reference__geos') }} as geos
inner join kinds on geos.market = kinds.market
inner join weeks on geos.market = weeks.market
left join dates
    on
        geos.market = dates.market
        and dates.geo in (geos.geo, 'all')
        and kinds.control = dates.control
        and dates.date between weeks.week_start and weeks.week_start + 6
group by geos.market, geos.geo, kinds.control, weeks.week_start
