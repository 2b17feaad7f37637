with source as (
    select * from {{ source('tv', 'invoices') }}
),

days as (
    {{ days_covered('source', 'week_commencing', '(week_commencing + 6)') }}
),

renamed as (
    select
        invoice_id,
        station,
        market,
        region as geo,
        activity_date,
        currency,
        {{ share_of_day('net_cost', 'week_commencing') }} as spend,
        {{ share_of_day('grps', 'week_commencing') }} as grps
    from days
    {{ latest_export(['invoice_id', 'station', 'market', 'region', 'activity_date']) }}
)

select * from renamed
