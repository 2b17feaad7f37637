{{ config(enabled=uses('orders')) }}
with source as (
    select * from {{ source('orders', 'orders') }}
),

latest as (
    select * from source
    {{ latest_export(['order_id']) }}
),

orders as (
    select
        market,
        geo,
        {{ day_in_zone('ordered_at', 'orders', 'time_zone') }} as activity_date,
        currency,
        cast(net_amount as decimal(18, 6)) as amount,
        cast(0 as decimal(18, 6)) as tax,
        cast(coalesce(refunded_amount, 0) as decimal(18, 6)) as refunded,
        case when test then 'test order' when cancelled then 'cancelled order' end as fate,
        new_or_returning
    from latest
),

{{ order_kpis('orders') }}
