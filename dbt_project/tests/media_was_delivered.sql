{{ config(meta={'dagster': {'ref': {'name': 'fct_media_weekly'}}}, severity='warn') }}
-- Weeks in which a source delivered nothing to a market: export those that are missing again; those awaited, after the
-- last it has, may not have arrived yet. Where it rested, say so in sources.yaml: `silence: zero`.
select
    market,
    channel,
    week_start,
    delivery
from {{ ref('fct_media_weekly') }}
where delivery in ('missing', 'awaited')
group by market, channel, week_start, delivery
