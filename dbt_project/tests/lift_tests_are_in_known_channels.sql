{{ config(meta={'dagster': {'ref': {'name': 'fct_lift_tests'}}}, severity='warn') }}
-- A channel that seeds/channels.csv does not list: correct it, or no model can be calibrated with the test.
with tested as (
    select
        test_id,
        trim(unnest(string_split(channels, ';'))) as channel
    from {{ ref('fct_lift_tests') }}
)

select tested.*
from tested
left join {{ ref('dim_channel') }} as known on tested.channel = known.channel
where known.channel is null
