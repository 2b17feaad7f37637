-- Spend that no model can have, campaign by campaign: it is in no other mart.
with activity as (
    select * from {{ ref('int_media_activity') }}
),

converted as (
    select
        activity.*,
        {{ at_rate('activity.spend_local', 'activity.currency') }} as spend
    from activity
    left join {{ ref('int_exchange_rates') }} as rates
        on
            activity.currency = rates.currency
            and activity.week_start = rates.week_start
),

weeks as (
    select
        week_start,
        sum(spend) as spend
    from converted
    group by week_start
)

select
    converted.source,
    coalesce(converted.account, '') as account,
    coalesce(converted.booking, '') as campaign,
    coalesce(converted.campaign_type, '') as campaign_type,
    coalesce(converted.network, '') as network,
    converted.week_start,
    any_value(converted.unmapped_because) as unmapped_because,
    cast(sum(converted.spend order by converted.activity_date, converted.currency) as double) as spend,
    cast(
        sum(converted.spend order by converted.activity_date, converted.currency) / nullif(any_value(weeks.spend), 0)
        as double
    ) as share_of_week
from converted
inner join weeks on converted.week_start = weeks.week_start
where converted.unmapped_because is not null
group by
    converted.source, converted.account, converted.booking, converted.campaign_type, converted.network,
    converted.week_start
