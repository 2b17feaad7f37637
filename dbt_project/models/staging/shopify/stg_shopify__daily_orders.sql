with source as (
    select * from {{ source('shopify', 'daily_orders') }}
),

renamed as (
    select
        market,
        region as geo,
        date as order_date,
        orders,
        currency,
        gross_sales,
        discounts,
        returns,
        net_sales
    from source
    {{ latest_export(['market', 'region', 'date']) }}
)

select * from renamed
