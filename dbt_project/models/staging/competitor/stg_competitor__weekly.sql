with source as (
    select * from {{ source('competitor', 'weekly') }}
),

renamed as (
    select
        market,
        week_start,
        competitor_spend
    from source
    {{ latest_export(['market', 'week_start']) }}
)

select * from renamed
