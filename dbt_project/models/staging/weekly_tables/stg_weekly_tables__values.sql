with source as (
    select * from {{ source('weekly_tables', 'values') }}
),

renamed as (
    select
        table_name,
        week_start,
        geo,
        column_name,
        value
    from source
)

select * from renamed
