{{ config(meta={'dagster': {'ref': {'name': 'fct_attribution'}}}, severity='warn') }}
-- Claims of ad platforms without a market or channel, or for a channel that seeds/channels.csv does not list: name the
-- campaign as its media export does, or state the channel. Their rows stay in the mart. Analytics tools report channels
-- that are not media, such as email; they are no fault.
select
    claims.market,
    claims.channel,
    claims.platform,
    min(claims.week_start) as first_week,
    sum(claims.revenue) as revenue
from {{ ref('fct_attribution') }} as claims
where
    not claims.is_known_channel
    and claims.platform in (select distinct media.source from {{ ref('int_campaign_weekly') }} as media)
group by claims.market, claims.channel, claims.platform
