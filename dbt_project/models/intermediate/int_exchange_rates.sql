-- What a unit of a currency is worth in the marts' own (`currency` of sources.yaml), by week.
with rates as (
    select
        week_start,
        currency,
        rate_to_usd
    from {{ ref('stg_reference__exchange_rates') }}
    where currency <> 'USD'
    union all
    select distinct
        week_start,
        'USD' as currency,
        cast(1 as double) as rate_to_usd
    from {{ ref('stg_reference__exchange_rates') }}
)

select
    rates.week_start,
    rates.currency,
    rates.rate_to_usd / own.rate_to_usd as rate
from rates
inner join rates as own
    on
        rates.week_start = own.week_start
        and own.currency = '{{ var("currency") }}'
where rates.currency <> own.currency
