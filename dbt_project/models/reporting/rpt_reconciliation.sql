with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'reconciliation') }}
),

channels as (
    select * from {{ ref('dim_channel') }}
)

select
    results.model,
    results.as_of_week,
    results.is_latest,
    results.channel,
    coalesce(channels.label, results.channel) as label,
    results.first_week,
    results.last_week,
    results.spend,
    results.model_roi,
    results.model_roi_q05,
    results.model_roi_q95,
    results.tests_roi,
    results.tests_roi_q05,
    results.tests_roi_q95,
    cast(results.new_tests as integer) as new_tests,
    cast(results.tests_in_posterior as integer) as tests_in_posterior,
    results.claimed_roi,
    results.attribution_roi,
    results.attribution_roi_q05,
    results.attribution_roi_q95,
    results.bias,
    results.weight_model,
    results.weight_tests,
    results.weight_attribution,
    results.weighted_roi,
    results.weighted_roi_q05,
    results.weighted_roi_q95,
    results.fused_roi,
    results.fused_roi_q05,
    results.fused_roi_q95,
    results.smallest_p,
    results.sources_disagree,
    results.verdict,
    results.model_version,
    results.posterior_version,
    results.reconciliation_version
from results
left join channels on results.channel = channels.channel
