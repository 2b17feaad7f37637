{{ config(meta={'dagster': {'ref': {'name': 'fct_media_weekly'}}}, severity='warn') }}
-- Weeks in which a source delivered nothing to a market: export them again, or land a row with spend 0.
select
    market,
    channel,
    week_start
from {{ ref('fct_media_weekly') }}
where delivery = 'missing'
group by market, channel, week_start
