-- Past weeks that later exports changed: figures that are others now, rows that came late, and rows that are gone from
-- where they are fetched. What models that were fitted before did not know: rpt_restatements says which those are.
-- Late is a row that no earlier export holds, of a day that is not after the last one that earlier exports of its table
-- hold, and was over when its file was exported. Rows that are not of days are never late.
with files as (
    select
        source_table,
        file,
        exported_at,
        sum(came_apart) over (partition by source_table order by exported_at, file) as arrival
    from (
        select
            source_table,
            file,
            exported_at,
            -- files that came within a minute of one another came together: none of them is late for another
            cast(
                coalesce(
                    exported_at - lag(exported_at) over (partition by source_table order by exported_at, file)
                    > interval 60 seconds,
                    false
                )
                as integer
            ) as came_apart
        from {{ source('landing', 'landing_files') }}
        where status = 'loaded'
    )
),

last_days as (
    select
        files.source_table,
        files.arrival,
        max(days.day) as last_day
    from files
    inner join {{ source('landing', 'landing_days') }} as days
        on
            files.source_table = days.source_table
            and files.file = days.file
    group by files.source_table, files.arrival
),

known_before as (
    select
        source_table,
        arrival,
        max(last_day) over (
            partition by source_table order by arrival rows between unbounded preceding and 1 preceding
        ) as last_day
    from last_days
),

units as (
    {{ units_of_amounts() }}
),

changed as (
    select
        overruled.source_table,
        {{ week_start('overruled.day') }} as week_start,
        overruled.later_file as file,
        files.exported_at as restated_at,
        overruled.differing as rows_changed,
        0 as rows_added,
        0 as rows_gone,
        overruled.amount as amount_before,
        overruled.later_amount as amount_now,
        0 as amount_added
    from {{ source('landing', 'landing_overruled') }} as overruled
    left join files
        on
            overruled.source_table = files.source_table
            and overruled.later_file = files.file
    where overruled.differing > 0
),

late as (
    select
        brought.source_table,
        {{ week_start('brought.day') }} as week_start,
        brought.file,
        files.exported_at as restated_at,
        0 as rows_changed,
        brought.row_count as rows_added,
        0 as rows_gone,
        0 as amount_before,
        0 as amount_now,
        brought.amount as amount_added
    from {{ source('landing', 'landing_brought') }} as brought
    inner join files
        on
            brought.source_table = files.source_table
            and brought.file = files.file
    inner join known_before
        on
            files.source_table = known_before.source_table
            and files.arrival = known_before.arrival
    where
        brought.day > date '0001-01-01'
        and brought.day <= known_before.last_day
        and brought.day < cast(files.exported_at as date)
),

gone as (
    select
        source_table,
        {{ week_start('day') }} as week_start,
        file,
        gone_at as restated_at,
        0 as rows_changed,
        0 as rows_added,
        row_count as rows_gone,
        amount as amount_before,
        0 as amount_now,
        0 as amount_added
    from {{ source('landing', 'landing_gone') }}
),

together as (
    select * from changed
    union all
    select * from late
    union all
    select * from gone
)

select
    together.source_table,
    together.week_start,
    together.file,
    max(together.restated_at) as restated_at,
    cast(sum(together.rows_changed) as bigint) as rows_changed,
    cast(sum(together.rows_added) as bigint) as rows_added,
    cast(sum(together.rows_gone) as bigint) as rows_gone,
    {% for name in ['amount_before', 'amount_now', 'amount_added'] -%}
        round(cast(sum(together.{{ name }}) as double) / coalesce(max(units.per_unit), 1), 4) as {{ name }},
    {% endfor -%}
    round(
        cast(sum(together.amount_now - together.amount_before + together.amount_added) as double)
        / coalesce(max(units.per_unit), 1), 4
    ) as amount_change
from together
left join units on together.source_table = units.source_table
group by together.source_table, together.week_start, together.file
