-- What was believed of a channel as of each week, beside what was believed the week before that was published.
with beliefs as (
    select
        roi.model,
        roi.as_of_week,
        roi.is_latest,
        roi.channel,
        roi.label,
        roi.roi,
        roi.roi_q05,
        roi.roi_q95,
        roi.mroi,
        roi.contribution_share,
        budget.recommended_spend
        / nullif(sum(budget.recommended_spend) over (partition by roi.model, roi.as_of_week), 0) as recommended_share,
        roi.model_version,
        roi.posterior_version
    from {{ ref('rpt_channel_roi') }} as roi
    left join {{ ref('rpt_budget_allocation') }} as budget
        on
            roi.model = budget.model
            and roi.as_of_week = budget.as_of_week
            and roi.channel = budget.channel
),

compared as (
    select
        *,
        lag(as_of_week) over before as previous_week,
        lag(roi) over before as roi_before,
        lag(roi_q05) over before as roi_before_q05,
        lag(roi_q95) over before as roi_before_q95,
        lag(contribution_share) over before as contribution_share_before,
        lag(recommended_share) over before as recommended_share_before,
        lag(posterior_version) over before as posterior_version_before
    from beliefs
    window before as (partition by model, channel order by as_of_week)
)

select
    model,
    as_of_week,
    is_latest,
    channel,
    label,
    roi,
    roi_q05,
    roi_q95,
    mroi,
    contribution_share,
    recommended_share,
    previous_week,
    roi_before,
    roi_before_q05,
    roi_before_q95,
    roi - roi_before as roi_change,
    -- how much of the uncertainty of then the change is: a 90 % interval is 3.29 standard deviations of a normal wide
    (roi - roi_before) / nullif((roi_before_q95 - roi_before_q05) / 3.29, 0) as roi_change_in_sd,
    roi between roi_before_q05 and roi_before_q95 as is_within_previous_interval,
    contribution_share - contribution_share_before as contribution_share_change,
    recommended_share - recommended_share_before as recommended_share_change,
    posterior_version <> posterior_version_before as is_another_posterior,
    model_version,
    posterior_version
from compared
