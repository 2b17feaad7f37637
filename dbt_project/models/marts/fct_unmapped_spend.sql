-- Spend that no model can have, campaign by campaign: it is in no other mart.
with by_currency as (
    select
        week_start,
        currency,
        {{ added_up('spend_local') }} as spend_local
    from {{ ref('int_media_activity') }}
    group by week_start, currency
),

weeks as (
    select
        by_currency.week_start,
        sum({{ at_rate('by_currency.spend_local', 'by_currency.currency') }} order by by_currency.currency) as spend
    from by_currency
    left join {{ ref('int_exchange_rates') }} as rates
        on
            by_currency.currency = rates.currency
            and by_currency.week_start = rates.week_start
    group by by_currency.week_start
),

campaigns as (
    select
        source,
        account,
        booking,
        campaign_type,
        network,
        week_start,
        currency,
        min(unmapped_because) as unmapped_because,
        {{ added_up('spend_local') }} as spend_local
    from {{ ref('int_media_activity') }}
    where unmapped_because is not null
    group by source, account, booking, campaign_type, network, week_start, currency
),

converted as (
    select
        campaigns.*,
        {{ at_rate('campaigns.spend_local', 'campaigns.currency') }} as spend
    from campaigns
    left join {{ ref('int_exchange_rates') }} as rates
        on
            campaigns.currency = rates.currency
            and campaigns.week_start = rates.week_start
)

select
    converted.source,
    coalesce(converted.account, '') as account,
    coalesce(converted.booking, '') as campaign,
    coalesce(converted.campaign_type, '') as campaign_type,
    coalesce(converted.network, '') as network,
    converted.week_start,
    min(converted.unmapped_because) as unmapped_because,
    -- a part of unknown value makes the whole unknown, not smaller
    cast(
        case when count(converted.spend) = count(*) then sum(converted.spend order by converted.currency) end
        as double
    ) as spend,
    cast(
        case when count(converted.spend) = count(*) then sum(converted.spend order by converted.currency) end
        / nullif(any_value(weeks.spend), 0)
        as double
    ) as share_of_week
from converted
inner join weeks on converted.week_start = weeks.week_start
group by
    converted.source, converted.account, converted.booking, converted.campaign_type, converted.network,
    converted.week_start
