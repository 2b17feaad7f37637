-- Past weeks whose figures a later export changed, or whose rows are gone from where they are fetched: what models that
-- were fitted before did not know.
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
),

restated as (
    select
        overruled.source_table,
        {{ week_start('overruled.day') }} as week_start,
        overruled.later_file as file,
        max(files.exported_at) as restated_at,
        sum(overruled.differing) as rows_changed,
        0 as rows_gone,
        sum(overruled.amount) as amount_before,
        sum(overruled.later_amount) as amount_now
    from overruled
    left join files on overruled.later_file = files.file
    group by overruled.source_table, {{ week_start('overruled.day') }}, overruled.later_file
),

gone as (
    select
        source_table,
        {{ week_start('day') }} as week_start,
        file,
        max(gone_at) as restated_at,
        0 as rows_changed,
        sum(row_count) as rows_gone,
        sum(amount) as amount_before,
        0 as amount_now
    from {{ source('landing', 'landing_gone') }}
    group by source_table, {{ week_start('day') }}, file
),

together as (
    select * from restated
    union all
    select * from gone
)

select
    together.source_table,
    together.week_start,
    together.file,
    together.restated_at,
    cast(together.rows_changed as bigint) as rows_changed,
    cast(together.rows_gone as bigint) as rows_gone,
    cast(together.amount_before as double) / coalesce(units.per_unit, 1) as amount_before,
    cast(together.amount_now as double) / coalesce(units.per_unit, 1) as amount_now,
    cast(together.amount_now - together.amount_before as double) / coalesce(units.per_unit, 1) as amount_change
from together
left join units on together.source_table = units.source_table
