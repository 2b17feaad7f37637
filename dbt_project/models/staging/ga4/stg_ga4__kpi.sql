{{ config(enabled=uses('ga4')) }}
-- Sessions by the day they began on; purchases and their revenue by the day of the first event of an order. The names
-- are GA4's own, so that revenue of the shop is not counted twice.
with source as (
    select * from {{ source('ga4', 'event') }}
),

events as (
    select
        date as activity_date,
        timestamp as happened_at,
        name,
        geo_country as country,
        concat_ws('/', geo_country, geo_region) as place,
        case
            when param_ga_session_id is not null
                then concat_ws('/', stream_id, param_ga_session_id, param_ga_session_number, user_first_touch_timestamp)
        end as session,
        coalesce(ecommerce_transaction_id, _fivetran_id) as purchase,
        cast(coalesce(ecommerce_purchase_revenue_in_usd, 0) as decimal(18, 6)) as revenue
    from source
    {{ latest_export(['_fivetran_id']) }}
),

places as (
    {{ mapped_places('events', 'ga4') }}
),

ranked as (
    select
        events.*,
        places.market,
        places.geo,
        row_number() over (
            partition by events.session
            order by events.happened_at, events.activity_date, events.place
        ) as event_of_session,
        row_number() over (
            partition by events.name, events.purchase
            order by events.happened_at, events.activity_date, events.place
        ) as event_of_purchase
    from events
    inner join places on events.place is not distinct from places.place
),

judged as (
    select
        *,
        session is not null and event_of_session = 1 as begins_session,
        case when name <> 'purchase' then 'no purchase' when event_of_purchase > 1 then 'repeated purchase' end as fate
    from ranked
),

daily as (
    select
        market,
        geo,
        activity_date,
        count(*) filter (where begins_session) as sessions,
        count(*) filter (where fate is null) as purchases,
        coalesce(sum(revenue) filter (where fate is null), 0) as revenue
    from judged
    group by market, geo, activity_date
)

{% for kpi, column, currency in [
    ('sessions', 'sessions', 'null'), ('ga4_purchases', 'purchases', 'null'), ('ga4_revenue', 'revenue', "'USD'")
] -%}
    select
        market,
        geo,
        '{{ kpi }}' as kpi,
        activity_date,
        cast({{ currency }} as varchar) as currency,
        cast({{ column }} as double) as value,
        cast(null as varchar) as not_counted
    from daily
    union all
{% endfor -%}
select
    market,
    geo,
    cast(null as varchar) as kpi,
    activity_date,
    'USD' as currency,
    cast(sum(revenue) as double) as value,
    fate as not_counted
from judged
where fate is not null
group by market, geo, activity_date, fate
having sum(revenue) <> 0
