-- Rows that broke the contract of their table and were set aside: how many, why, and what the marts are short of.
with quarantine as (
    select * from {{ source('landing', 'landing_quarantine') }}
),

units as (
    {{ units_of_amounts() }}
)

select
    quarantine.source,
    quarantine.source_table,
    quarantine.file,
    {{ week_start('quarantine.day') }} as week_start,
    quarantine.column_name,
    quarantine.reason,
    quarantine.remedy,
    count(*) filter (quarantine.replaced_by is null) as rows_in_quarantine,
    count(*) filter (quarantine.replaced_by is not null) as rows_replaced,
    min(quarantine.row) as first_row,
    coalesce(cast(sum(quarantine.amount) filter (quarantine.replaced_by is null) as double), 0)
    / coalesce(max(units.per_unit), 1) as amount_in_quarantine,
    count(*) filter (quarantine.replaced_by is null and quarantine.amount is null) as rows_without_amount,
    max(cast(timezone('UTC', quarantine.loaded_at) as timestamp)) as loaded_at
from quarantine
left join units on quarantine.source_table = units.source_table
group by
    quarantine.source,
    quarantine.source_table,
    quarantine.file,
    {{ week_start('quarantine.day') }},
    quarantine.column_name,
    quarantine.reason,
    quarantine.remedy
