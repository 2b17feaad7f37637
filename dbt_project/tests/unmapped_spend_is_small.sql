{{ config(meta={'dagster': {'ref': {'name': 'fct_unmapped_spend'}}}) }}
-- Weeks in which more of the spend is unmapped than `unmapped_share` of sources.yaml allows: whatever is fitted on them
-- would take the rest for all there was. Spend of unknown value may be any share, so it always stops them: state the
-- `currency` of each of its sources in sources.yaml, or land the tables that have that of their accounts
-- (docs/connectors.md says which). Every campaign is in marts.fct_unmapped_spend.
with campaigns as (
    select
        *,
        concat_ws(' ', source, nullif(account, ''), coalesce(nullif(campaign, ''), 'without a name')) as named
    from {{ ref('fct_unmapped_spend') }}
),

weeks as (
    select
        week_start,
        sum(spend) as spend,
        sum(share_of_week) as share_of_week,  -- rounded, so that all of a week may be a little more than 1
        count(*) <> count(spend) as is_unknown,
        min(named) filter (where spend is null) as unknown_campaign,
        first(named order by spend desc nulls last, named asc) as largest
    from campaigns
    group by week_start
),

unknown as (
    select string_agg(distinct source, ', ' order by source) as sources
    from campaigns
    where spend is null
)

select
    week_start,
    spend,
    round(100 * share_of_week, 2) as percent_of_week,
    largest as largest_campaign,
    unknown_campaign as campaign_of_unknown_value,
    unknown.sources as sources_of_unknown_value
from weeks
cross join unknown
where is_unknown or share_of_week > {{ var('unmapped_share') }} + 1e-9
