with source as (
    select * from {{ source('ooh', 'invoices') }}
),

days as (
    {{ days_covered('source', 'week_commencing', '(week_commencing + 6)') }}
),

renamed as (
    select
        invoice_id,
        vendor,
        market,
        region as geo,
        activity_date,
        currency,
        {{ share_of_day('net_cost', 'week_commencing') }} as spend,
        panels,
        {{ share_of_day('contacts', 'week_commencing') }} as contacts
    from days
    {{ latest_export(['invoice_id', 'vendor', 'market', 'region', 'activity_date']) }}
)

select * from renamed
