with source as (
    select * from {{ source('attribution', 'platform_reports') }}
),

days as (
    {{ days_covered('source', 'date_start', 'date_stop') }}
),

renamed as (
    select
        platform,
        activity_date,
        market,
        channel,
        campaign_name,
        attribution_model,
        click_window_days,
        view_window_days,
        currency,
        {{ share_of_day('conversions', 'date_start') }} as conversions,
        {{ share_of_day('conversion_value', 'date_start') }} as revenue
    from days
    {{ latest_export([
        'platform', 'activity_date', 'days.market', 'days.channel', 'campaign_name', 'attribution_model',
        'click_window_days', 'view_window_days',
    ]) }}
)

select * from renamed
