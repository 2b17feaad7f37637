{{ config(enabled=uses('meta_ads')) }}
{#- Several types of action tell of one purchase; the first of these that an ad has on a day is taken. -#}
{%- set purchases = "['omni_purchase', 'purchase', 'offsite_conversion.fb_pixel_purchase']" -%}
with insights as (
    select * from {{ source('meta_ads', 'campaign_insights') }}
),

days as (
    {{ days_covered('insights', 'date_start', 'date_stop') }}
),

by_campaign as (
    select
        account_id,
        campaign_id,
        campaign_name as booking,
        cast(null as varchar) as campaign_type,
        activity_date,
        account_currency as currency,
        {{ share_of_day('spend', 'date_start') }} as spend,
        {{ share_of_day('impressions', 'date_start', decimals=0) }} as impressions,
        {{ share_of_day('inline_link_clicks', 'date_start', decimals=0) }} as clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value
    from days
    {{ latest_export(['account_id', 'activity_date', 'campaign_id']) }}
),

ads as (
    {{ last_known(source('meta_ads', 'ad_history'), 'id', ['campaign_id', 'account_id'], 'updated_time') }}
),

campaigns as (
    {{ last_known(source('meta_ads', 'campaign_history'), 'id', ['name', 'objective'], 'updated_time') }}
),

accounts as (
    {{ last_known(source('meta_ads', 'account_history'), 'id', ['currency'], 'synced_at') }}
),

statistics as (
    select * from {{ source('meta_ads', 'basic_ad') }}
    {{ latest_export(['account_id', 'date', 'ad_id']) }}
),

{% for table in ['basic_ad_actions', 'basic_ad_action_values'] %}
    {{ table }} as (
        select * from {{ source('meta_ads', table) }}
        {{ latest_export(['date', 'ad_id', 'action_type']) }}
    ),

    {{ table }}_taken as (
        select * from {{ table }}
        where list_contains({{ purchases }}, action_type)
        qualify row_number() over (
            partition by date, ad_id order by list_position({{ purchases }}, action_type)
        ) = 1
    ),
{% endfor %}

by_ad as (
    select
        account_id,
        date,
        ad_id,
        spend,
        impressions,
        inline_link_clicks,
        cast(null as double) as conversions,
        cast(null as double) as conversion_value
    from statistics
    union all by name
    select
        date,
        ad_id,
        value as conversions
    from basic_ad_actions_taken
    union all by name
    select
        date,
        ad_id,
        value as conversion_value
    from basic_ad_action_values_taken
),

placed as (
    select
        by_ad.* exclude (account_id),
        coalesce(ads.campaign_id, 'ad ' || by_ad.ad_id) as campaign_id,
        coalesce(by_ad.account_id, ads.account_id, 'unknown') as account_id
    from by_ad
    left join ads on by_ad.ad_id = ads.id
),

ads_by_campaign as (
    select
        placed.account_id,
        placed.campaign_id,
        campaigns.name as booking,
        campaigns.objective as campaign_type,
        placed.date as activity_date,
        accounts.currency,
        {{ added_up('coalesce(placed.spend, 0)') }} as spend,
        cast(sum(placed.impressions) as bigint) as impressions,
        cast(sum(placed.inline_link_clicks) as bigint) as clicks,
        {{ added_up('placed.conversions') }} as conversions,
        {{ added_up('placed.conversion_value') }} as conversion_value
    from placed
    left join campaigns on placed.campaign_id = campaigns.id
    left join accounts on placed.account_id = accounts.id
    group by all
),

together as (
    select * from by_campaign
    union all by name
    select * from ads_by_campaign
)

select
    account_id,
    campaign_id,
    booking,
    campaign_type,
    cast(null as varchar) as network,
    cast(null as varchar) as market,
    cast(null as varchar) as geo,
    cast(null as varchar) as channel,
    activity_date,
    currency,
    spend,
    impressions,
    clicks,
    conversions,
    conversion_value
from together
