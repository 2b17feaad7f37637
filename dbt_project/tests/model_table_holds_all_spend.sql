{{ config(meta={'dagster': {'ref': {'name': 'fct_model_inputs'}}}) }}
-- No channel's spend is lost on the way to the models.
with long as (
    select
        market,
        geo,
        week_start,
        channel || '_spend' as variable,
        spend
    from {{ ref('fct_media_weekly') }}
),

inputs as (
    select
        market,
        geo,
        week_start,
        variable,
        value
    from {{ ref('fct_model_inputs') }}
    where kind = 'spend' and variable in (select long.variable from long)
),

weeks as (
    select distinct
        market,
        geo,
        week_start
    from {{ ref('fct_model_inputs') }}
)

select
    long.market,
    long.geo,
    long.week_start,
    long.variable,
    long.spend as media_spend,
    inputs.value as model_spend
from long
inner join weeks using (market, geo, week_start)
left join inputs using (market, geo, week_start, variable)
where abs(coalesce(long.spend, 0) - coalesce(inputs.value, 0)) > 0.01
