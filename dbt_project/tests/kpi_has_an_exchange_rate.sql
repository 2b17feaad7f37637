{{ config(meta={'dagster': {'ref': {'name': 'int_kpi_weekly'}}}) }}
-- Sales in a currency without a rate for their week: add the week to reference/exchange_rates.
{%- set columns = ['market', 'kpi', 'activity_date', 'currency', 'value'] %}

with kpis as (  -- of what int_kpi_weekly reads: depends_on: {{ ref('int_kpi_weekly') }}
    {{ all_sources('kpi', columns) }}
),

weekly as (
    select
        market,
        kpi,
        currency,
        {{ week_start('activity_date') }} as week_start,
        value
    from kpis
)

select
    weekly.market,
    weekly.kpi,
    weekly.currency,
    weekly.week_start,
    sum(weekly.value) as value_local
from weekly
left join {{ ref('int_exchange_rates') }} as rates
    on
        weekly.currency = rates.currency
        and weekly.week_start = rates.week_start
where
    weekly.currency <> '{{ var("currency") }}'
    and rates.rate is null
    and weekly.value <> 0
group by weekly.market, weekly.kpi, weekly.currency, weekly.week_start
order by weekly.week_start, weekly.market, weekly.kpi, weekly.currency
