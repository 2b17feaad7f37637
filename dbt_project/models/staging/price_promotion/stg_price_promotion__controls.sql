{{ config(enabled=uses('price_promotion')) }}
-- promotion_depth: the deepest promotion of each day, mean over the week; promotion_days: days of the week with any;
-- price_index: mean of the days that state one.
with source as (
    select * from {{ source('price_promotion', 'calendar') }}
),

covered as (
    {{ days_covered('source', 'date_start', 'date_stop') }}
),

listed as (
    select
        market,
        geo,
        activity_date,
        max(depth) as depth,
        min(price_index) as price_index
    from (
        select * from covered
        {{ latest_export(['market', 'geo', 'promotion', 'activity_date']) }}
    )
    group by market, geo, activity_date
),

listed_by_geo as (
    {{ days_of_weeks('listed') }}
),

days as (
    select
        market,
        geo,
        week_start,
        day,
        coalesce(max(depth), 0) as depth,
        min(price_index) as price_index
    from listed_by_geo
    group by market, geo, week_start, day
),

weeks as (
    select
        market,
        geo,
        week_start,
        avg(depth order by day) as promotion_depth,
        count(*) filter (where depth > 0) as promotion_days,
        avg(price_index order by day) as price_index
    from days
    group by market, geo, week_start
)

{% for control in ['promotion_depth', 'promotion_days', 'price_index'] -%}
    select
        market,
        geo,
        '{{ control }}' as control,
        week_start,
        cast({{ control }} as double) as value
    from weeks
    where {{ control }} is not null
    {{ 'union all' if not loop.last }}
{% endfor %}
