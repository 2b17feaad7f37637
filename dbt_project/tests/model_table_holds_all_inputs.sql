{{ config(meta={'dagster': {'ref': {'name': 'mmm_model_table'}}}) }}
-- The wide table has every value of the long one, and no other.
with model_table as (
    select
        *,
        cast(null as double) as is_never_filled -- without any variable there would be no column to unpivot
    from {{ ref('mmm_model_table') }}
),

wide as (
    select *
    from (
        unpivot model_table
        on columns(* exclude (market, geo, week_start))
        into name variable value value
    )
),

inputs as (
    select * from {{ ref('fct_model_inputs') }}
    where value is not null
)

select
    market,
    geo,
    week_start,
    variable,
    inputs.value as long_value,
    wide.value as wide_value
from inputs
full outer join wide using (market, geo, week_start, variable)
where inputs.value is distinct from wide.value
