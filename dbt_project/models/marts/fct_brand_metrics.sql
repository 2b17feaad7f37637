select
    market,
    metric,
    month_start,
    {{ week_start('month_start') }} as week_start,
    cast(value as double) as value,
    cast(sample_size as bigint) as sample_size,
    cast(sqrt(value * (1 - value) / nullif(sample_size, 0)) as double) as standard_error
from {{ ref('stg_brand_tracker__monthly') }}
