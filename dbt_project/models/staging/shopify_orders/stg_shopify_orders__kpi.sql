{{ config(enabled=uses('shopify_orders')) }}
-- Revenue is of the day of the order, in the shop's time zone, and so is what is given back of it: media moved the
-- order, and the day a parcel comes back says nothing of media. Shipping and its refunds are no part of it.
with source as (
    select * from {{ source('shopify_orders', 'order') }}
),

latest_orders as (
    select * from source
    {{ latest_export(['id']) }}
),

shop as (
    select
        iana_timezone,
        country_code
    from {{ source('shopify_orders', 'shop') }}
    order by _export_order desc, _row desc
    limit 1
),

refunds as (
    select * from {{ source('shopify_orders', 'refund') }}
    {{ latest_export(['id']) }}
),

refunded_lines as (
    select * from {{ source('shopify_orders', 'order_line_refund') }}
    {{ latest_export(['id']) }}
),

adjustments as (
    select * from {{ source('shopify_orders', 'order_adjustment') }}
    {{ latest_export(['id']) }}
),

given_back as (
    select
        refunds.order_id,
        refunded_lines.subtotal as amount,
        refunded_lines.total_tax as tax
    from refunded_lines
    inner join refunds on refunded_lines.refund_id = refunds.id
    union all
    select
        order_id,
        -amount as amount,
        -tax_amount as tax
    from adjustments
    where kind = 'refund_discrepancy'
),

given_back_of_order as (
    select
        order_id,
        sum(cast(amount as decimal(18, 6))) as amount,
        sum(cast(coalesce(tax, 0) as decimal(18, 6))) as tax
    from given_back
    group by order_id
),

placed as (
    select
        {{ day_in_zone('latest_orders.created_at', 'shopify_orders', 'shop.iana_timezone') }} as activity_date,
        coalesce(latest_orders.shipping_address_country_code, shop.country_code) as country,
        concat_ws('/', country, latest_orders.shipping_address_province_code) as place,
        latest_orders.currency,
        cast(latest_orders.subtotal_price as decimal(18, 6)) as amount,
        case
            when latest_orders.taxes_included then cast(coalesce(latest_orders.total_tax, 0) as decimal(18, 6)) else 0
        end as tax,
        coalesce(given.amount - case when latest_orders.taxes_included then given.tax else 0 end, 0) as refunded,
        case
            when latest_orders.test then 'test order'
            when latest_orders.cancelled_at is not null then 'cancelled order'
        end as fate,
        latest_orders.new_or_returning
    from latest_orders
    left join given_back_of_order as given on latest_orders.id = given.order_id
    left join shop on true
),

places as (
    {{ mapped_places('placed', 'shopify_orders') }}
),

orders as (
    select
        placed.* exclude (country, place),
        places.market,
        places.geo
    from placed
    inner join places on placed.place is not distinct from places.place
),

{{ order_kpis('orders') }}
