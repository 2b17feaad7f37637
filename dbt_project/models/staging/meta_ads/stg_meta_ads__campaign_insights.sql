with source as (
    select * from {{ source('meta_ads', 'campaign_insights') }}
),

renamed as (
    select
        account_id,
        date_start as activity_date,
        campaign_id,
        campaign_name,
        {{ campaign_part('market') }} as market,
        {{ campaign_part('geo') }} as geo,
        {{ campaign_part('channel') }} as channel,
        account_currency as currency,
        spend,
        impressions,
        reach,
        inline_link_clicks as clicks
    from source
    {{ latest_export(['account_id', 'date_start', 'campaign_id']) }}
)

select * from renamed
