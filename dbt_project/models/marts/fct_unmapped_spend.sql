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

converted as (
    select
        activity.*,
        {{ at_rate('activity.spend_local', 'activity.currency') }} as spend
    from {{ ref('int_media_activity') }} as activity
    left join {{ ref('int_exchange_rates') }} as rates
        on
            activity.currency = rates.currency
            and activity.week_start = rates.week_start
    where activity.unmapped_because is not null
)

select
    converted.source,
    coalesce(converted.account, '') as account,
    coalesce(converted.booking, '') as campaign,
    coalesce(converted.campaign_type, '') as campaign_type,
    coalesce(converted.network, '') as network,
    converted.week_start,
    any_value(converted.unmapped_because) as unmapped_because,
    cast(sum(converted.spend order by converted.currency) as double) as spend,
    cast(
        sum(converted.spend order by converted.currency) / nullif(any_value(weeks.spend), 0)
        as double
    ) as share_of_week
from converted
inner join weeks on converted.week_start = weeks.week_start
group by
    converted.source, converted.account, converted.booking, converted.campaign_type, converted.network,
    converted.week_start
