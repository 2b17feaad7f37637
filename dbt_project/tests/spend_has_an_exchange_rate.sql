{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- Spend, or revenue that is claimed, in a currency without a rate for its week: add the week to
-- reference/exchange_rates.
select
    activity.source,
    activity.currency,
    activity.week_start,
    sum(activity.spend_local) as spend_local
from {{ ref('int_media_activity') }} as activity
left join {{ ref('int_exchange_rates') }} as rates
    on
        activity.currency = rates.currency
        and activity.week_start = rates.week_start
where
    activity.currency <> '{{ var("currency") }}'
    and rates.rate is null
    and (activity.spend_local <> 0 or activity.conversion_value_local <> 0)
group by activity.source, activity.currency, activity.week_start
