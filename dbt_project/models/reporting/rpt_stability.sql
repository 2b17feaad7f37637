-- How far a model's beliefs and advice moved since the week before that was published.
select
    model,
    as_of_week,
    as_of_week = max(as_of_week) over (partition by model) as is_latest,
    previous_week,
    channels,
    share_within_previous_interval,
    largest_roi_change_in_sd,
    moved_most,
    contribution_turnover,
    budget_turnover,
    model_version,
    posterior_version,
    previous_version
from {{ source('results', 'stability') }}
