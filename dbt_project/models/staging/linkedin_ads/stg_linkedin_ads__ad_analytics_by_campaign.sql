with source as (
    select * from {{ source('linkedin_ads', 'ad_analytics_by_campaign') }}
),

renamed as (
    select
        account_id,
        day as activity_date,
        campaign_id,
        campaign_name,
        {{ campaign_part('market') }} as market,
        {{ campaign_part('geo') }} as geo,
        {{ campaign_part('channel') }} as channel,
        local_currency as currency,
        cost_in_local_currency as spend,
        impressions,
        clicks
    from source
    {{ latest_export(['account_id', 'day', 'campaign_id']) }}
)

select * from renamed
