{{ config(enabled=uses('hubspot')) }}
-- Deals that were won, on the day they were closed. Others are told and not counted, on the day they were lost or made:
-- an open deal's day of closing is a guess.
with source as (
    select * from {{ source('hubspot', 'deal') }}
),

latest_deals as (
    select * from source
    {{ latest_export(['deal_id']) }}
),

pipelines as (
    select * from {{ source('hubspot', 'deal_pipeline') }}
    {{ latest_export(['pipeline_id']) }}
),

stages as (
    select * from {{ source('hubspot', 'deal_pipeline_stage') }}
    {{ latest_export(['stage_id']) }}
),

merged as (
    select distinct merged_deal_id from {{ source('hubspot', 'merged_deal') }}
),

entered as (
    select * from {{ source('hubspot', 'deal_stage') }}
    {{ latest_export(['deal_id', 'date_entered']) }}
),

last_entered as (
    select
        deal_id,
        last(value order by date_entered) as stage_id,
        max(date_entered) as entered_at
    from entered
    group by deal_id
),

staged as (
    select
        deals.*,
        coalesce(deals.deal_pipeline_stage_id, last_entered.stage_id) as stage_id,
        case
            when deals.deal_pipeline_stage_id is null or deals.deal_pipeline_stage_id = last_entered.stage_id
                then last_entered.entered_at
        end as entered_at
    from latest_deals as deals
    left join last_entered on deals.deal_id = last_entered.deal_id
),

judged as (
    select
        staged.property_market as country,
        concat_ws('/', staged.property_market, coalesce(pipelines.label, staged.deal_pipeline_id)) as place,
        coalesce(
            staged.property_deal_currency_code, '{{ stated("hubspot", "currency") or var("currency") }}'
        ) as currency,
        cast(coalesce(staged.property_amount, 0) as decimal(18, 6)) as amount,
        coalesce(staged.property_closedate, staged.entered_at) as closed_at,
        staged.property_createdate as made_at,
        coalesce(stages.closed_won, lower(staged.stage_id) = 'closedwon', false) as is_won,
        coalesce(stages.is_closed, lower(staged.stage_id) in ('closedwon', 'closedlost'), false) as is_closed,
        coalesce(staged.is_deleted, false) as is_deleted,
        merged.merged_deal_id is not null as is_merged
    from staged
    left join stages on staged.stage_id = stages.stage_id
    left join pipelines on staged.deal_pipeline_id = pipelines.pipeline_id
    left join merged on staged.deal_id = merged.merged_deal_id
),

places as (
    {{ mapped_places('judged', 'hubspot') }}
),

deals as (
    select
        places.market,
        places.geo,
        {{ day_in_zone(
            'case when judged.is_won or judged.is_closed then judged.closed_at else judged.made_at end', 'hubspot'
        ) }} as activity_date,
        judged.currency,
        judged.amount,
        cast(0 as decimal(18, 6)) as tax,
        cast(0 as decimal(18, 6)) as refunded,
        case
            when judged.is_deleted then 'deleted deal'
            when judged.is_merged then 'merged into another deal'
            when judged.is_won and judged.closed_at is null then 'won on a day that is not known'
            when judged.is_won then null
            when judged.is_closed then 'lost deal'
            else 'open deal'
        end as fate,
        cast(null as varchar) as new_or_returning
    from judged
    inner join places on judged.place = places.place
),

{{ order_kpis('deals', revenue='won_deals_amount', orders='won_deals') }}
