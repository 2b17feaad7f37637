-- How far a model's beliefs and advice moved since the week before that was published.
with beliefs as (
    select * from {{ ref('rpt_belief_history') }}
    where previous_week is not null
)

select
    model,
    as_of_week,
    is_latest,
    min(previous_week) as previous_week,
    cast(count(*) as bigint) as channels,
    cast(count(*) filter (is_within_previous_interval) as double) / count(is_within_previous_interval)
        as share_within_previous_interval,
    max(abs(roi_change_in_sd)) as largest_roi_change_in_sd,
    arg_max(channel, abs(roi_change_in_sd)) as moved_most,
    sum(abs(contribution_share_change) order by channel) / 2 as contribution_turnover,
    sum(abs(recommended_share_change) order by channel) / 2 as budget_turnover
from beliefs
group by model, as_of_week, is_latest
