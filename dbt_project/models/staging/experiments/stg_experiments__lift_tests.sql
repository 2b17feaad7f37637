with source as (
    select * from {{ source('experiments', 'lift_tests') }}
),

renamed as (
    select
        test_id,
        market,
        channel,
        geos,
        start_date,
        end_date,
        design,
        incremental_revenue,
        standard_error,
        spend_actual,
        spend_counterfactual,
        status
    from source
    {{ latest_export(['test_id']) }}
)

select * from renamed
