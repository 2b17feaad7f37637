{#- Every week_start is a Monday, and within each group the weeks follow one another. -#}
{% test weeks_without_gaps(model, column_name, by) %}
    with weeks as (
        select distinct
            {{ by | join(', ') }},
            {{ column_name }} as week_start
        from {{ model }}
    ),

    neighbours as (
        select
            *,
            lead(week_start) over (partition by {{ by | join(', ') }} order by week_start) as next_week
        from weeks
    )

    select
        {{ by | join(', ') }},
        case
            when isodow(week_start) <> 1 then week_start
            else week_start + 7
        end as week_at_fault,
        case
            when isodow(week_start) <> 1 then 'not a Monday'
            else (next_week - week_start) // 7 - 1 || ' weeks missing from here'
        end as fault
    from neighbours
    where isodow(week_start) <> 1 or next_week - week_start <> 7
{% endtest %}
