with source as (
    select * from {{ source('reference', 'channels') }}
),

renamed as (
    select
        channel,
        label,
        channel_group,
        exposure_unit
    from source
    {{ latest_export(['channel']) }}
)

select * from renamed
