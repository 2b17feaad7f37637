{{ config(meta={'dagster': {'ref': {'name': 'mmm_model_table'}}}) }}
-- No channel's spend is lost on the way into the wide table.
with long as (
    select
        market,
        geo,
        week_start,
        sum(spend) as spend
    from {{ ref('fct_media_weekly') }}
    group by market, geo, week_start
),

wide as (
    select
        market,
        geo,
        week_start,
        coalesce(search_spend, 0) + coalesce(meta_spend, 0) + coalesce(tiktok_spend, 0)
        + coalesce(linkedin_spend, 0) + coalesce(tv_spend, 0) + coalesce(ooh_spend, 0) as spend
    from {{ ref('mmm_model_table') }}
)

select
    wide.market,
    wide.geo,
    wide.week_start,
    long.spend as media_spend,
    wide.spend as model_table_spend
from wide
left join long
    on
        wide.market = long.market
        and wide.geo = long.geo
        and wide.week_start = long.week_start
where abs(coalesce(long.spend, 0) - wide.spend) > 0.01
