{{ config(materialized='view') }}
-- What was spent and delivered by day, with its market, geo and channel; null where it is unmapped: nothing is lost.
select
    media.source,
    media.account,
    media.booking,
    media.campaign_type,
    media.network,
    case when mapping.unmapped_because is null then mapping.market end as market,
    case when mapping.unmapped_because is null then mapping.geo end as geo,
    case when mapping.unmapped_because is null then mapping.channel end as channel,
    mapping.unmapped_because,
    media.activity_date,
    media.week_start,
    media.currency,
    media.spend_local,
    media.impressions,
    media.clicks,
    media.conversions,
    media.conversion_value_local
from {{ ref('int_media_daily') }} as media
inner join {{ ref('int_campaign_mapping') }} as mapping
    on
        media.source = mapping.source
        and media.account is not distinct from mapping.account
        and media.booking is not distinct from mapping.booking
        and media.campaign_type is not distinct from mapping.campaign_type
        and media.network is not distinct from mapping.network
        and media.stated_market is not distinct from mapping.stated_market
        and media.stated_geo is not distinct from mapping.stated_geo
        and media.stated_channel is not distinct from mapping.stated_channel
