{{ config(enabled=uses('shopify')) }}
with source as (
    select * from {{ source('shopify', 'daily_orders') }}
),

orders as (
    select * from source
    {{ latest_export(['market', 'region', 'date']) }}
)

select
    market,
    region as geo,
    'revenue' as kpi,
    date as activity_date,
    currency,
    net_sales as value
from orders
union all
select
    market,
    region as geo,
    'orders' as kpi,
    date as activity_date,
    cast(null as varchar) as currency,
    orders as value
from orders
