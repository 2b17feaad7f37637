with source as (
    select * from {{ source('brand_tracker', 'monthly') }}
),

renamed as (
    select
        market,
        metric,
        cast(month || '-01' as date) as month_start,
        value,
        sample_size
    from source
    {{ latest_export(['market', 'metric', 'month']) }}
)

select * from renamed
