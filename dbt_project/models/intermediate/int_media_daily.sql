-- One shape for every source: what was spent and delivered by day, campaign, type and network, in the account's
-- currency, with the market, geo and channel that the source itself states, if any.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
{%- set columns = [
    'account_id', 'booking', 'campaign_type', 'network', 'market', 'geo', 'channel', 'activity_date', 'currency',
    'spend', 'impressions', 'clicks', 'conversions', 'conversion_value',
] %}

with media as (
    {{ all_sources('media', columns) }}
)

select
    source,
    cast(account_id as varchar) as account,
    cast(booking as varchar) as booking,
    cast(campaign_type as varchar) as campaign_type,
    cast(network as varchar) as network,
    cast(market as varchar) as stated_market,
    cast(geo as varchar) as stated_geo,
    cast(channel as varchar) as stated_channel,
    cast(activity_date as date) as activity_date,
    {{ week_start('activity_date') }} as week_start,
    cast(currency as varchar) as currency,
    cast(sum(cast(spend as decimal(18, 6))) as double) as spend_local,
    cast(sum(cast(impressions as decimal(18, 6))) as double) as impressions,
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(cast(conversions as decimal(18, 6))) as double) as conversions,
    cast(sum(cast(conversion_value as decimal(18, 6))) as double) as conversion_value_local
from media
group by all
