-- KPIs by ISO week, money in the marts' own currency at the week's rate, and on how many of its days each was reported.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
{%- set columns = ['market', 'geo', 'kpi', 'activity_date', 'currency', 'value'] %}

with kpis as (
    {{ all_sources('kpi', columns) }}
),

weekly as (
    select
        market,
        geo,
        kpi,
        {{ week_start('activity_date') }} as week_start,
        currency,
        sum(cast(value as decimal(18, 6))) as value,
        bit_or({{ weekday_bit('activity_date') }}) as weekdays
    from kpis
    where kpi is not null  -- an amount that is none, such as a cancelled order's
    group by market, geo, kpi, {{ week_start('activity_date') }}, currency
),

converted as (
    select
        weekly.market,
        weekly.geo,
        weekly.kpi,
        weekly.week_start,
        weekly.currency,
        weekly.weekdays,
        case
            when weekly.currency is null then cast(weekly.value as double)
            else {{ at_rate('weekly.value', 'weekly.currency') }}
        end as value
    from weekly
    left join {{ ref('int_exchange_rates') }} as rates
        on
            weekly.currency = rates.currency
            and weekly.week_start = rates.week_start
)

select
    market,
    geo,
    kpi,
    week_start,
    case when count(value) = count(*) then sum(value order by currency) end as value,
    cast(bit_count(bit_or(weekdays)) as bigint) as days_reported  -- in whatever currency each day was
from converted
group by market, geo, kpi, week_start
