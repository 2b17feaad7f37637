-- KPIs in long form. The value of an order is what orders and revenue make of it.
with kpis as (
    select * from {{ ref('int_kpi_weekly') }}
),

order_value as (
    select
        revenue.market,
        revenue.geo,
        'average_order_value' as kpi,
        revenue.week_start,
        revenue.value / nullif(orders.value, 0) as value,
        least(revenue.days_reported, orders.days_reported) as days_reported
    from kpis as revenue
    inner join kpis as orders using (market, geo, week_start)
    where revenue.kpi = 'revenue' and orders.kpi = 'orders'
)

select
    market,
    geo,
    kpi,
    week_start,
    cast(value as double) as value,
    cast(days_reported as bigint) as days_reported
from kpis
union all
select
    market,
    geo,
    kpi,
    week_start,
    cast(value as double) as value,
    cast(days_reported as bigint) as days_reported
from order_value
