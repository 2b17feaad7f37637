-- Past weeks whose figures a later export changed: what models that were fitted before did not know.
with overruled as (
    select * from {{ source('landing', 'landing_overruled') }}
    where differing > 0
),

files as (
    select
        file,
        exported_at
    from {{ source('landing', 'landing_files') }}
),

units as (
    {{ units_of_amounts() }}
)

select
    overruled.source_table,
    {{ week_start('overruled.day') }} as week_start,
    overruled.later_file as file,
    max(files.exported_at) as restated_at,
    cast(sum(overruled.differing) as bigint) as rows_changed,
    cast(sum(overruled.amount) as double) / coalesce(max(units.per_unit), 1) as amount_before,
    cast(sum(overruled.later_amount) as double) / coalesce(max(units.per_unit), 1) as amount_now,
    cast(sum(overruled.later_amount - overruled.amount) as double) / coalesce(max(units.per_unit), 1) as amount_change
from overruled
left join files on overruled.later_file = files.file
left join units on overruled.source_table = units.source_table
group by overruled.source_table, {{ week_start('overruled.day') }}, overruled.later_file
