{{ config(meta={'dagster': {'ref': {'name': 'fct_unmapped_spend'}}}) }}
-- Weeks in which more of the spend is unmapped than `unmapped_share` of sources.yaml allows: whatever is fitted on them
-- would take the rest for all there was.
with weeks as (
    select
        week_start,
        sum(spend) as spend,
        sum(share_of_week) as share_of_week,
        count(*) <> count(spend) as is_unknown,
        arg_max(campaign, spend) as largest
    from {{ ref('fct_unmapped_spend') }}
    group by week_start
)

select
    week_start,
    spend,
    round(100 * share_of_week, 2) as percent_of_week,
    largest as largest_campaign
from weeks
where is_unknown or share_of_week > {{ var('unmapped_share') }}
