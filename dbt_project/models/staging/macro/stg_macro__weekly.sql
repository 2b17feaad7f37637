with source as (
    select * from {{ source('macro', 'weekly') }}
),

renamed as (
    select
        market,
        week_start,
        consumer_confidence
    from source
    {{ latest_export(['market', 'week_start']) }}
)

select * from renamed
