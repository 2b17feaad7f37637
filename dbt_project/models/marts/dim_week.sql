-- Weeks of the marts as calendars name them: ISO 8601, and the retail calendar of sources.yaml where it states one. The
-- week of a retail calendar that begins on Sunday shares Monday to Saturday with the week that it labels here.
{%- set stated = var('retail_calendar') %}
{%- set retail = stated or {'weekday': 1, 'pattern': [4, 4, 5], 'month': 1, 'day': 1} %}
with weeks as (
    select distinct
        week_start,
        cast(week_start - (8 - {{ retail.weekday }}) % 7 as date) as retail_week_start
    from {{ ref('int_calendar_weeks') }}
),

years as (
    select
        cast(
            unnest(generate_series(min(year(week_start)) - 1, max(year(week_start)) + 2)) as integer
        ) as retail_year
    from weeks
),

starts as (
    select
        retail_year,
        {{ retail_year_start('retail_year', retail) }} as starts_on
    from years
),

spans as (
    select
        retail_year,
        starts_on,
        lead(starts_on) over (order by retail_year) as next_starts_on
    from starts
),

numbered as (
    select
        weeks.week_start,
        weeks.retail_week_start,
        spans.retail_year,
        (weeks.retail_week_start - spans.starts_on) // 7 + 1 as retail_week,
        (spans.next_starts_on - spans.starts_on) // 7 as retail_weeks_in_year
    from weeks
    inner join spans
        on
            weeks.retail_week_start >= spans.starts_on
            and weeks.retail_week_start < spans.next_starts_on
),

quarters as (
    select
        *,
        least((retail_week - 1) // 13, 3) + 1 as retail_quarter
    from numbered
),

periods as (
    select
        *,
        -- a 53rd week is the fourteenth of its quarter, and of its last period
        3 * (retail_quarter - 1) + case
            when retail_week - 13 * (retail_quarter - 1) <= {{ retail.pattern[0] }} then 1
            when retail_week - 13 * (retail_quarter - 1) <= {{ retail.pattern[0] }} + {{ retail.pattern[1] }} then 2
            else 3
        end as retail_period
    from quarters
)

select
    week_start,
    cast(week_start + 6 as date) as week_end,
    cast(isoyear(week_start) as integer) as iso_year,
    cast(week(week_start) as integer) as iso_week,
    {%- for column in ('year', 'quarter', 'period', 'week', 'weeks_in_year') %}
        cast({{ 'retail_' ~ column if stated else 'null' }} as integer) as retail_{{ column }},
    {%- endfor %}
    cast({{ 'retail_week_start' if stated else 'null' }} as date) as retail_week_start
from periods
