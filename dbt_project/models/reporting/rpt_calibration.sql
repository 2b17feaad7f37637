with results as (
    select
        *,
        as_of_week = max(as_of_week) over (partition by model) as is_latest,
        row_number() over (partition by model, as_of_week, left_out order by channel) as place
    from {{ source('results', 'calibration_report') }}
)

select
    model,
    as_of_week,
    is_latest,
    left_out as test_id,
    channels,
    geos,
    start_date,
    end_date,
    outcome,
    incremental_spend,
    measured,
    calibrating_error,
    uncalibrated_lift,
    uncalibrated_lift_q05,
    uncalibrated_lift_q95,
    uncalibrated_low,
    uncalibrated_high,
    uncalibrated_p_value,
    uncalibrated_roi,
    uncalibrated_roi_q05,
    uncalibrated_roi_q95,
    unseen_lift,
    unseen_lift_q05,
    unseen_lift_q95,
    unseen_low,
    unseen_high,
    unseen_p_value,
    unseen_roi,
    unseen_roi_q05,
    unseen_roi_q95,
    calibrated_lift,
    calibrated_lift_q05,
    calibrated_lift_q95,
    calibrated_low,
    calibrated_high,
    calibrated_p_value,
    calibrated_roi,
    calibrated_roi_q05,
    calibrated_roi_q95,
    inside_90,
    uncalibrated_method,
    unseen_method,
    unseen_khat,
    model_version,
    posterior_version
from results
-- a test's figures stand beside every channel; rows without any test have none
where left_out <> 'all tests' and place = 1
