select
    test_id,
    market,
    channel,
    geos,
    start_date,
    end_date,
    {{ week_start('start_date') }} as first_week,
    {{ week_start('end_date') }} as last_week,
    design,
    cast(incremental_revenue as double) as incremental_revenue,
    cast(standard_error as double) as standard_error,
    cast(spend_actual as double) as spend_actual,
    cast(spend_counterfactual as double) as spend_counterfactual,
    cast(spend_actual - spend_counterfactual as double) as incremental_spend,
    status
from {{ ref('stg_experiments__lift_tests') }}
