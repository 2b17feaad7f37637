select
    market,
    geo,
    week_start,
    cast(revenue as double) as revenue,
    cast(orders as bigint) as orders,
    cast(revenue / nullif(orders, 0) as double) as average_order_value,
    cast(days_reported as bigint) as days_reported
from {{ ref('int_orders_weekly') }}
