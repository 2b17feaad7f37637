-- One shape for every source: what was spent and delivered, in the account's currency.
with platforms as (
    {% for relation, source in [
        ('stg_google_ads__campaign_stats', 'google_ads'),
        ('stg_meta_ads__campaign_insights', 'meta_ads'),
        ('stg_tiktok_ads__campaign_report', 'tiktok_ads'),
        ('stg_linkedin_ads__ad_analytics_by_campaign', 'linkedin_ads'),
    ] %}
        select
            '{{ source }}' as source,
            account_id as account,
            campaign_name as booking,
            market,
            geo,
            channel,
            activity_date,
            currency,
            spend,
            impressions,
            clicks
        from {{ ref(relation) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

invoices as (
    select
        'tv' as source,
        'all' as account,
        invoice_id as booking,
        market,
        geo,
        'tv' as channel,
        activity_date,
        currency,
        spend,
        grps as impressions,
        cast(null as bigint) as clicks
    from {{ ref('stg_tv__invoices') }}
    union all
    select
        'ooh' as source,
        'all' as account,
        invoice_id as booking,
        market,
        geo,
        'ooh' as channel,
        activity_date,
        currency,
        spend,
        contacts as impressions,
        cast(null as bigint) as clicks
    from {{ ref('stg_ooh__invoices') }}
),

activity as (
    select * from platforms
    union all
    select * from invoices
)

select
    source,
    account,
    booking,
    market,
    geo,
    channel,
    activity_date,
    {{ week_start('activity_date') }} as week_start,
    currency,
    cast(spend as double) as spend_local,
    cast(impressions as double) as impressions,
    cast(clicks as bigint) as clicks
from activity
