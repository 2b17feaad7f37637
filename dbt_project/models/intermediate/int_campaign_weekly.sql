{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_changed_weeks() }}",
        post_hook="{{ note_what_made_it() }}",
    )
}}
-- One shape for every source: what was spent and delivered by week, campaign, type and network, in the account's
-- currency, with the market, geo and channel that the source itself states, if any. Rules, geos and rates are asked
-- downstream of it, so that another rule or rate is one of every week.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
-- A build after the first one works out the weeks of a source whose raw rows are others than before (changed_weeks).
{%- set changed = changed_weeks() %}
{%- set versions = (changed or []) | map(attribute='version') | join(', ') %}
{%- set columns = [
    'account_id', 'booking', 'campaign_type', 'network', 'market', 'geo', 'channel', 'activity_date', 'currency',
    'spend', 'impressions', 'clicks', 'conversions', 'conversion_value',
] %}

with media as (
    {{ all_sources('media', columns, changed) }}
),

daily as (
    select
        {{ campaign_columns() }},
        cast(activity_date as date) as activity_date,
        cast(currency as varchar) as currency,
        sum(cast(spend as decimal(18, 6))) as spend_local,
        sum(cast(impressions as decimal(18, 6))) as impressions,
        sum(clicks) as clicks,
        sum(cast(conversions as decimal(18, 6))) as conversions,
        sum(cast(conversion_value as decimal(18, 6))) as conversion_value_local
    from media
    group by all
),

weekly as (
    select
        source,
        account,
        booking,
        campaign_type,
        network,
        stated_market,
        stated_geo,
        stated_channel,
        {{ week_start('activity_date') }} as week_start,
        currency,
        bit_or({{ weekday_bit('activity_date') }}) as weekdays,
        cast(sum(spend_local) as double) as spend_local,
        cast(sum(impressions) as double) as impressions,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(conversions) as double) as conversions,
        cast(sum(conversion_value_local) as double) as conversion_value_local,
        cast(min(spend_local) as double) as lowest_spend_local,
        cast(min(impressions) as double) as lowest_impressions
    from daily
    group by all
)

select
    {{ campaign_key('weekly') }} as campaign_key,
    weekly.*,
    weeks.version as week_version,
    wholes.version as source_version
from weekly
left join {{ ref('int_media_weeks') }} as weeks
    on
        weekly.source = weeks.source
        and weekly.week_start = weeks.week_start
left join {{ ref('int_media_weeks') }} as wholes
    on
        weekly.source = wholes.source
        and wholes.week_start = date '0001-01-01'
{%- if changed %}
    where coalesce(weeks.version, 0) in ({{ versions }}) or wholes.version in ({{ versions }})
{%- elif changed is not none %}
    where false
{%- endif %}
