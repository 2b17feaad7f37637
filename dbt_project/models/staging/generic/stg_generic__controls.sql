{{ config(enabled=uses('generic')) }}
-- Days become a week as the last row of the control says: their mean (of the days there are), sum, last or largest.
with source as (
    select * from {{ source('generic', 'controls') }}
),

covered as (
    {{ days_covered('source', 'date', 'date_stop') }}
),

days as (
    select
        market,
        geo,
        control,
        activity_date,
        {{ week_start('activity_date') }} as week_start,
        value,
        days_covered,
        in_week
    from covered
    {{ latest_export(['market', 'geo', 'control', 'activity_date']) }}
),

rules as (
    select
        market,
        control,
        coalesce(arg_max(in_week, activity_date), 'mean') as in_week
    from days
    group by market, control
)

select
    days.market,
    days.geo,
    days.control,
    days.week_start,
    case any_value(rules.in_week)
        when 'sum' then sum(days.value / days.days_covered order by days.activity_date)
        when 'last' then arg_max(days.value, days.activity_date)
        when 'max' then max(days.value)
        else avg(days.value order by days.activity_date)
    end as value
from days
inner join rules using (market, control)
group by days.market, days.geo, days.control, days.week_start
