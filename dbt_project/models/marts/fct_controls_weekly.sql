with economy as (
    select * from {{ ref('stg_macro__weekly') }}
),

competitors as (
    select * from {{ ref('stg_competitor__weekly') }}
)

select
    market,
    week_start,
    cast(economy.consumer_confidence as double) as consumer_confidence,
    cast(competitors.competitor_spend as double) as competitor_spend
from economy
full outer join competitors using (market, week_start)
