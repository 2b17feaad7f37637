{{ config(meta={'dagster': {'ref': {'name': 'fct_unmapped_spend'}}}, severity='warn') }}
-- Campaigns whose market, geo or channel is not known, so that no model has their spend: add a rule to
-- reference/mapping_rules, or list the channel or geo. Of one whose currency is not known, state it in sources.yaml
-- (docs/connectors.md, what rows do not say).
select
    source,
    campaign,
    unmapped_because,
    min(week_start) as first_week,
    max(week_start) as last_week,
    sum(spend) as spend
from {{ ref('fct_unmapped_spend') }}
group by source, campaign, unmapped_because
order by spend desc nulls first
