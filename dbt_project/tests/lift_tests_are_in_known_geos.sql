{{ config(meta={'dagster': {'ref': {'name': 'fct_lift_tests'}}}, severity='warn') }}
-- A market or geo that reference/geos does not list: correct it, or no model can be calibrated with the test.
with tested as (
    select
        test_id,
        market,
        trim(unnest(string_split(geos, ';'))) as geo
    from {{ ref('fct_lift_tests') }}
)

select tested.*
from tested
left join {{ ref('stg_reference__geos') }} as known
    on
        tested.market = known.market
        and (tested.geo = 'all' or tested.geo = known.geo)
where known.geo is null
