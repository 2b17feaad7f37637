{{ config(enabled=uses('tv')) }}
with source as (
    select * from {{ source('tv', 'invoices') }}
),

days as (
    {{ days_covered('source', 'week_commencing', '(week_commencing + 6)') }}
),

renamed as (
    select
        'all' as account_id,
        cast(null as varchar) as campaign_id,
        invoice_id as booking,
        cast(null as varchar) as campaign_type,
        station as network,
        market,
        region as geo,
        'tv' as channel,
        activity_date,
        currency,
        {{ share_of_day('net_cost', 'week_commencing') }} as spend,
        {{ share_of_day('grps', 'week_commencing') }} as impressions,
        cast(null as bigint) as clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value
    from days
    {{ latest_export(['invoice_id', 'station', 'market', 'region', 'activity_date']) }}
)

select * from renamed
