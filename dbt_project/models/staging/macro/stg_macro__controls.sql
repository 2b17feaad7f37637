{{ config(enabled=uses('macro')) }}
with source as (
    select * from {{ source('macro', 'weekly') }}
),

renamed as (
    select
        market,
        'all' as geo,
        'consumer_confidence' as control,
        week_start,
        consumer_confidence as value
    from source
    {{ latest_export(['market', 'week_start']) }}
)

select * from renamed
