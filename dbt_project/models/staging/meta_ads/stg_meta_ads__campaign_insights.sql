with source as (
    select * from {{ source('meta_ads', 'campaign_insights') }}
),

days as (
    {{ days_covered('source', 'date_start', 'date_stop') }}
),

renamed as (
    select
        account_id,
        activity_date,
        campaign_id,
        campaign_name,
        {{ campaign_part('market') }} as market,
        {{ campaign_part('geo') }} as geo,
        {{ campaign_part('channel') }} as channel,
        account_currency as currency,
        {{ share_of_day('spend', 'date_start') }} as spend,
        {{ share_of_day('impressions', 'date_start', decimals=0) }} as impressions,
        case when days_covered = 1 then reach end as reach,
        {{ share_of_day('inline_link_clicks', 'date_start', decimals=0) }} as clicks
    from days
    {{ latest_export(['account_id', 'activity_date', 'campaign_id']) }}
)

select * from renamed
