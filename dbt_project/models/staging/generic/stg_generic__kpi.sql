{{ config(enabled=uses('generic')) }}
with source as (
    select * from {{ source('generic', 'kpi') }}
),

days as (
    {{ days_covered('source', 'date', 'date_stop') }}
)

select
    market,
    geo,
    kpi,
    activity_date,
    currency,
    {{ share_of_day('value', 'date') }} as value
from days
{{ latest_export(['market', 'geo', 'kpi', 'activity_date']) }}
