{{ config(enabled=uses('weather')) }}
-- Temperature is the mean of the week's days, rain and sunshine their sum; a week without all seven days is left out.
with source as (
    select * from {{ source('weather', 'daily') }}
),

days as (
    select * from source
    {{ latest_export(['date', 'market', 'geo']) }}
),

weeks as (
    select
        market,
        geo,
        {{ week_start('date') }} as week_start,
        case when count(temperature) = 7 then avg(temperature order by date) end as temperature,
        case when count(precipitation) = 7 then sum(precipitation order by date) end as precipitation,
        case when count(sunshine_hours) = 7 then sum(sunshine_hours order by date) end as sunshine_hours
    from days
    group by all
)

{% for control in ['temperature', 'precipitation', 'sunshine_hours'] -%}
    select
        market,
        geo,
        '{{ control }}' as control,
        week_start,
        {{ control }} as value
    from weeks
    where {{ control }} is not null
    {{ 'union all' if not loop.last }}
{% endfor %}
