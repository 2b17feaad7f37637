{{ config(materialized='view') }}
-- What was spent and delivered by week, with its market, geo and channel; null where it is unmapped: nothing is lost.
-- Spend in a currency that nobody states has no value to fit a model on: it is unmapped, whatever its campaign is. Rows
-- without spend, such as conversions of a day on which nothing was spent, need no currency.
with mapped as (
    select
        media.*,
        mapping.market,
        mapping.geo,
        mapping.channel,
        coalesce(
            mapping.unmapped_because,
            case
                when media.currency is null and media.spend_local is distinct from 0 then 'its currency is not known'
            end
        ) as unmapped_because
    from {{ ref('int_campaign_weekly') }} as media
    inner join {{ ref('int_campaign_mapping') }} as mapping on media.campaign_key = mapping.campaign_key
)

select
    source,
    account,
    booking,
    campaign_type,
    network,
    case when unmapped_because is null then market end as market,
    case when unmapped_because is null then geo end as geo,
    case when unmapped_because is null then channel end as channel,
    unmapped_because,
    week_start,
    currency,
    weekdays,
    spend_local,
    impressions,
    clicks,
    conversions,
    conversion_value_local
from mapped
