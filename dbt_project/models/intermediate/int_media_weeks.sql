{{ config(materialized='view') }}
{%- set media = var('gives')['media'] | join("', '") %}
-- Versions of the raw rows that media are made of. That of a source's week changes with any row that counts of its days
-- or of those beside them, which may be of the week in the account's time zone. That of a source as a whole, on the day
-- 0001-01-01, changes with any row of its tables that is not of a day: names of campaigns, currencies of accounts, rows
-- of moments.
with parts as (
    select
        source_table,
        day,
        row_count,
        hash
    from {{ source('landing', 'landing_shared_days') }}
    union all
    select
        source_table,
        day,
        any_value(row_count) as row_count,
        any_value(hash) as hash
    from {{ source('landing', 'landing_days') }}
    group by source_table, day
    having count(*) = 1
),

of_sources as (
    select
        split_part(source_table, '__', 1) as source,
        *
    from parts
    where split_part(source_table, '__', 1) in ('{{ media }}')
),

wholes as (
    select
        source,
        date '0001-01-01' as week_start,
        sum(hash(source_table, row_count, hash)) filter (where day = date '0001-01-01') as state
    from of_sources
    group by source
),

weeks as (
    select
        source,
        week_start,
        sum(hash(source_table, day, row_count, hash)) as state
    from (
        select distinct
            of_sources.*,
            {{ week_start('of_sources.day + beside.days') }} as week_start
        from of_sources
        cross join (values (-1), (0), (1)) as beside (days)
        where of_sources.day > date '0001-01-01'
    )
    group by source, week_start
),

together as (
    select * from wholes
    union all
    select * from weeks
)

select
    source,
    week_start,
    hash(source, week_start, state) as version
from together
