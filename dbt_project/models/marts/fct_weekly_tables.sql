select
    table_name,
    week_start,
    geo,
    column_name,
    cast(value as double) as value
from {{ ref('stg_weekly_tables__values') }}
