{{ config(meta={'dagster': {'ref': {'name': 'fct_media_weekly'}}}, severity='warn') }}
-- Weeks in which a source delivered nothing to a market: export them again; or, where it rested, say
-- so in sources.yaml: `silence: zero`.
select
    market,
    channel,
    week_start
from {{ ref('fct_media_weekly') }}
where delivery = 'missing'
group by market, channel, week_start
