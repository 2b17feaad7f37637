with source as (
    select * from {{ source('reference', 'geos') }}
),

renamed as (
    select
        market,
        geo,
        geo_name,
        population
    from source
    {{ latest_export(['market', 'geo']) }}
)

select * from renamed
