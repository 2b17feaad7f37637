with source as (
    select * from {{ source('ooh', 'invoices') }}
),

renamed as (
    select
        invoice_id,
        vendor,
        market,
        region as geo,
        week_commencing as activity_date,
        currency,
        net_cost as spend,
        panels,
        contacts
    from source
    {{ latest_export(['invoice_id', 'vendor', 'market', 'region', 'week_commencing']) }}
)

select * from renamed
