with source as (
    select * from {{ source('tv', 'invoices') }}
),

renamed as (
    select
        invoice_id,
        station,
        market,
        region as geo,
        week_commencing as activity_date,
        currency,
        net_cost as spend,
        grps
    from source
    {{ latest_export(['invoice_id', 'station', 'market', 'region', 'week_commencing']) }}
)

select * from renamed
