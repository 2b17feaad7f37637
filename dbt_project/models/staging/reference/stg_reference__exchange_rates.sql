with source as (
    select * from {{ source('reference', 'exchange_rates') }}
),

renamed as (
    select
        week_start,
        currency,
        rate_to_usd
    from source
    {{ latest_export(['week_start', 'currency']) }}
)

select * from renamed
