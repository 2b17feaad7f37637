{{ config(meta={'dagster': {'ref': {'name': 'fct_unmapped_spend'}}}, severity='warn') }}
-- No model has their spend: add a rule to reference/mapping_rules, list the channel or geo, or state the source's
-- currency in sources.yaml.
select
    source,
    campaign,
    unmapped_because,
    min(week_start) as first_week,
    max(week_start) as last_week,
    sum(spend) as spend
from {{ ref('fct_unmapped_spend') }}
group by source, campaign, unmapped_because
order by spend desc nulls first, source asc, campaign asc, unmapped_because asc
