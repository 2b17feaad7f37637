{{ config(meta={'dagster': {'ref': {'name': 'fct_attribution'}}}, severity='warn') }}
-- Weeks whose claims are in a currency without a rate: add the week to reference/exchange_rates.
select
    market,
    channel,
    platform,
    week_start
from {{ ref('fct_attribution') }}
where revenue is null
