-- Orders by ISO week, in US dollars at the week's rate, and on how many of its days the shop reported.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
with orders as (
    select
        market,
        geo,
        {{ week_start('order_date') }} as week_start,
        currency,
        sum(cast(net_sales as decimal(18, 6))) as net_sales,
        sum(orders) as orders,
        count(*) as days
    from {{ ref('stg_shopify__daily_orders') }}
    group by market, geo, {{ week_start('order_date') }}, currency
),

rates as (
    select * from {{ ref('stg_reference__exchange_rates') }}
),

converted as (
    select
        orders.*,
        cast(orders.net_sales as double)
        * case orders.currency when 'USD' then 1 else rates.rate_to_usd end as revenue
    from orders
    left join rates
        on
            orders.currency = rates.currency
            and orders.week_start = rates.week_start
)

select
    market,
    geo,
    week_start,
    case when count(revenue) = count(*) then sum(revenue order by currency) end as revenue,
    cast(sum(orders) as bigint) as orders,
    cast(sum(days) as bigint) as days_reported
from converted
group by market, geo, week_start
