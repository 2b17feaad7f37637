with source as (
    select * from {{ source('reference', 'channel_levels') }}
),

renamed as (
    select
        channel,
        level,
        name
    from source
    {{ latest_export(['channel', 'level']) }}
)

select * from renamed
