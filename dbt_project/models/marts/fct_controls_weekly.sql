-- What moves the KPI and is no media, in long form.
{%- set columns = ['market', 'geo', 'control', 'week_start', 'value'] %}

with controls as (
    {{ all_sources('controls', columns) }}
)

select
    cast(market as varchar) as market,
    cast(geo as varchar) as geo,
    cast(control as varchar) as control,
    cast(week_start as date) as week_start,
    cast(value as double) as value
from controls
