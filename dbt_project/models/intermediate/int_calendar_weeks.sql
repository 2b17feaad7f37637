-- Every week of a market, from its first media or KPI to the last week of which a KPI is known in full.
-- Weeks that are not over yet wait for the next run.
with kpi as (
    select
        market,
        min(week_start) as first_week,
        max(week_start) as last_week
    from {{ ref('int_kpi_weekly') }}
    where days_reported >= 7
    group by market
),

media as (
    select
        market,
        min(week_start) as first_week,
        max(week_start) as last_week
    from {{ ref('int_media_spend_weekly') }}
    where market is not null
    group by market
),

spans as (
    select
        market,
        kpi.first_week as first_kpi_week,
        kpi.last_week as last_kpi_week,
        least(kpi.first_week, media.first_week) as first_week,
        coalesce(kpi.last_week, media.last_week) as last_week
    from kpi
    full outer join media using (market)
),

weeks as (
    select
        market,
        first_kpi_week,
        last_kpi_week,
        cast(unnest(generate_series(first_week, last_week, interval 7 days)) as date) as week_start
    from spans
)

select
    market,
    week_start,
    coalesce(week_start between first_kpi_week and last_kpi_week, false) as in_kpi_span
from weeks
