with source as (
    select * from {{ source('experiments', 'lift_tests') }}
),

renamed as (
    select
        test_id,
        market,
        channels,
        geos,
        population_share,
        start_date,
        end_date,
        coalesce(post_weeks, 0) as post_weeks,
        design,
        coalesce(outcome, 'revenue') as outcome,
        incremental_outcome,
        roi,
        cost_per_target,
        standard_error,
        interval_low,
        interval_high,
        interval_level,
        spend_with,
        spend_without,
        weekly_spend_without,
        coalesce(currency, '{{ var("currency") }}') as currency,
        source as measured_by,
        reported_date,
        pre_period_error,
        case status when 'pending' then 'needs review' else status end as status
    from source
    {{ latest_export(['test_id']) }}
)

select * from renamed
