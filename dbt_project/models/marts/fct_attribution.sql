-- What reports claim, in the marts' own currency at the week's rate; without one a week's revenue is unknown, not
-- smaller. A claim's market and channel are those it states, or those that the mapping rules give its campaign; one
-- without keeps its row under '(unmapped)': nothing that is reported is lost.
-- Amounts are added up as decimals: the sum is exact, so it does not depend on the order of the rows.
with claims as (
    select
        coalesce(reports.market, mapping.market, '(unmapped)') as market,
        coalesce(reports.channel, mapping.channel, '(unmapped)') as channel,
        {{ week_start('activity_date') }} as week_start,
        reports.platform,
        reports.attribution_model,
        coalesce(
            nullif(
                concat_ws(
                    ', ',
                    reports.click_window_days || 'd click',
                    case when reports.view_window_days > 0 then reports.view_window_days || 'd view' end
                ),
                ''
            ),
            'not stated'
        ) as attribution_window,
        reports.currency,
        reports.activity_date,
        cast(reports.conversions as decimal(18, 6)) as conversions,
        cast(reports.revenue as decimal(18, 6)) as revenue
    from {{ ref('stg_attribution__platform_reports') }} as reports
    left join {{ ref('int_campaign_mapping') }} as mapping
        on
            reports.platform = mapping.source
            and reports.campaign_name = mapping.booking
            and mapping.account is null
            and reports.market is not distinct from mapping.stated_market
            and reports.channel is not distinct from mapping.stated_channel
),

days as (
    select
        market,
        channel,
        week_start,
        platform,
        attribution_model,
        attribution_window,
        count(distinct activity_date) as days_reported
    from claims
    group by all
),

weekly as (
    select
        market,
        channel,
        week_start,
        platform,
        attribution_model,
        attribution_window,
        currency,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from claims
    group by all
),

converted as (
    select
        weekly.market,
        weekly.channel,
        weekly.week_start,
        weekly.platform,
        weekly.attribution_model,
        weekly.attribution_window,
        sum(weekly.conversions) as conversions,
        case
            when count({{ at_rate('weekly.revenue', 'weekly.currency') }}) = count(*)
                then
                    sum(
                        {{ at_rate('weekly.revenue', 'weekly.currency') }}
                        order by weekly.currency
                    )
        end as revenue
    from weekly
    left join {{ ref('int_exchange_rates') }} as rates
        on
            weekly.currency = rates.currency
            and weekly.week_start = rates.week_start
    group by all
),

spend as (
    select
        market,
        channel,
        week_start,
        case when count(spend) = count(*) then sum(spend order by geo) end as spend
    from {{ ref('fct_media_weekly') }}
    group by market, channel, week_start
)

select
    converted.market,
    converted.channel,
    channels.channel is not null as is_known_channel,
    converted.week_start,
    converted.platform,
    converted.attribution_model,
    converted.attribution_window,
    cast(days.days_reported as integer) as days_reported,
    cast(spend.spend as double) as spend,
    cast(converted.conversions as double) as conversions,
    cast(converted.revenue as double) as revenue,
    '{{ var("currency") }}' as currency
from converted
inner join days using (market, channel, week_start, platform, attribution_model, attribution_window)
left join spend
    on
        converted.market = spend.market
        and converted.channel = spend.channel
        and converted.week_start = spend.week_start
left join {{ ref('dim_channel') }} as channels on converted.channel = channels.channel
