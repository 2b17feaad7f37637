{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- What the files hold, less what later exports overruled, is what staging holds, source by source, to the cent. Sums of
-- files are taken when they are read, in their own units: currencies are added up as if they were one.
with files as (
    select
        source_table,
        sum(amount - overruled_amount) as amount
    from {{ source('landing', 'landing_files') }}
    where status = 'loaded'
    group by source_table
),

staged as (
    select
        case source
            when 'google_ads' then 'google_ads__campaign_stats'
            when 'meta_ads' then 'meta_ads__campaign_insights'
            when 'tiktok_ads' then 'tiktok_ads__campaign_report'
            when 'linkedin_ads' then 'linkedin_ads__ad_analytics_by_campaign'
            else source || '__invoices'
        end as source_table,
        sum(cast(spend_local as decimal(18, 6))) * case source when 'google_ads' then 1000000 else 1 end as amount
    from {{ ref('int_media_activity') }}
    group by source
    union all
    select
        'shopify__daily_orders' as source_table,
        sum(cast(net_sales as decimal(18, 6))) as amount
    from {{ ref('stg_shopify__daily_orders') }}
    union all
    select
        'attribution__platform_reports' as source_table,
        sum(cast(revenue as decimal(18, 6))) as amount
    from {{ ref('stg_attribution__platform_reports') }}
)

select
    source_table,
    files.amount as files_amount,
    staged.amount as staged_amount
from files
full outer join staged using (source_table)
where
    abs(coalesce(files.amount, 0) - coalesce(staged.amount, 0))
    > 0.01 * case source_table when 'google_ads__campaign_stats' then 1000000 else 1 end
