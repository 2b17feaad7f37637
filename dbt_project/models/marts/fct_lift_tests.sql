-- Money in the marts' own currency at the mean rate of the test's weeks. Without a rate for one of them it is unknown.
with tests as (
    select
        *,
        {{ week_start('start_date') }} as first_week,
        {{ week_start('end_date') }} as last_week
    from {{ ref('stg_experiments__lift_tests') }}
),

rates as (
    select
        tests.test_id,
        case
            when count(*) = any_value(tests.last_week - tests.first_week) // 7 + 1 then avg(rates.rate)
        end as rate
    from tests
    inner join {{ ref('int_exchange_rates') }} as rates
        on
            tests.currency = rates.currency
            and rates.week_start between tests.first_week and tests.last_week
    group by tests.test_id
),

geos as (
    select
        tests.test_id,
        sum(geos.population)
        filter (
            where tests.geos = 'all'
            or list_contains(string_split(replace(tests.geos, ' ', ''), ';'), geos.geo)
        ) as population,
        sum(geos.population) as market_population
    from tests
    inner join {{ ref('stg_reference__geos') }} as geos on tests.market = geos.market
    group by tests.test_id
),

priced as (
    select
        tests.*,
        geos.population,
        geos.population / nullif(geos.market_population, 0) as population_covered,
        case tests.currency when '{{ var("currency") }}' then 1 else rates.rate end as rate,
        -- what a unit of the stated figure is worth: an ROI of revenue has no currency, one of units is per unit of it
        -- and a cost per unit is in it
        case
            when tests.cost_per_target is not null then 1
            when tests.roi is null and tests.outcome = 'revenue' then 1
            when tests.roi is not null and tests.outcome = 'kpi' then -1
            else 0
        end as power_of_rate
    from tests
    left join rates on tests.test_id = rates.test_id
    left join geos on tests.test_id = geos.test_id
)

select
    test_id,
    market,
    channels,
    geos,
    cast(population as double) as population,
    cast(population_covered as double) as population_covered,
    cast(population_share as double) as population_share,
    start_date,
    end_date,
    first_week,
    last_week,
    cast(post_weeks as integer) as post_weeks,
    coalesce(
        reported_date,
        case post_weeks when 0 then end_date else last_week + 6 + cast(7 * post_weeks as integer) end
    ) as reported_date,
    design,
    outcome,
    case outcome when 'revenue' then '{{ var("currency") }}' else 'units of the KPI' end as unit,
    cast(incremental_outcome * pow(rate, power_of_rate) as double) as incremental_outcome,
    cast(roi * pow(rate, power_of_rate) as double) as roi,
    cast(cost_per_target * pow(rate, power_of_rate) as double) as cost_per_target,
    cast(standard_error * pow(rate, power_of_rate) as double) as standard_error,
    cast(interval_low * pow(rate, power_of_rate) as double) as interval_low,
    cast(interval_high * pow(rate, power_of_rate) as double) as interval_high,
    cast(interval_level as double) as interval_level,
    cast({{ sum_of_amounts('spend_with') }} * rate as double) as spend_with,
    cast({{ sum_of_amounts('spend_without') }} * rate as double) as spend_without,
    cast(
        ({{ sum_of_amounts('spend_with') }} - {{ sum_of_amounts('spend_without') }}) * rate as double
    ) as incremental_spend,
    {{ amounts_at_rate('spend_with', 'rate') }} as spend_with_by_channel,
    {{ amounts_at_rate('spend_without', 'rate') }} as spend_without_by_channel,
    {{ amounts_at_rate('weekly_spend_without', 'rate') }} as weekly_spend_without,
    '{{ var("currency") }}' as currency,
    currency as reported_currency,
    measured_by as source,
    cast(pre_period_error as double) as pre_period_error,
    status
from priced
