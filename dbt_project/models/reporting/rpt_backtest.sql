-- How the posteriors that were published for earlier weeks did on the weeks that have come since.
with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'backtest') }}
)

select
    model,
    as_of_week,
    is_latest,
    forecast_as_of,
    horizon as horizon_weeks,
    first_week,
    same_specification,
    known_then,
    crps,
    crps_naive,
    crps / nullif(crps_naive, 0) as crps_ratio,
    mape,
    mape_naive,
    coverage_50,
    coverage_90,
    coverage_95,
    forecast_version,
    model_version,
    posterior_version
from results
