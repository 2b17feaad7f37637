{{ config(enabled=uses('competitor')) }}
with source as (
    select * from {{ source('competitor', 'weekly') }}
),

renamed as (
    select
        market,
        'all' as geo,
        'competitor_spend' as control,
        week_start,
        competitor_spend as value
    from source
    {{ latest_export(['market', 'week_start']) }}
)

select * from renamed
