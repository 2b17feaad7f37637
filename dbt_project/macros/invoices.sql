{#-
    Media that is booked and billed by invoice, one shape for all: a line runs from date_start to date_stop and is spread
    evenly over these days. The channel is the source, unless a mapping rule says another.
-#}
{% macro invoices(channel, links=true) -%}
    with lines as (
        select * from {{ source(channel, 'invoices') }}
    ),

    days as (
        {{ days_covered('lines', 'date_start', 'date_stop') }}
    )

    select
        'all' as account_id,
        cast(null as varchar) as campaign_id,
        coalesce(campaign, invoice_id) as booking,
        cast(null as varchar) as campaign_type,
        partner as network,
        market,
        geo,
        '{{ channel }}' as channel,
        activity_date,
        currency,
        {{ share_of_day('net_cost', 'date_start') }} as spend,
        {{ share_of_day('exposure', 'date_start') }} as impressions,
        {{ share_of_day('clicks', 'date_start', decimals=0) if links else 'cast(null as bigint)' }} as clicks,
        {{ share_of_day('conversions', 'date_start') if links else 'cast(null as double)' }} as conversions,
        cast(null as double) as conversion_value,
        invoice_id
    from days
    {{ latest_export(['invoice_id', 'partner', 'campaign', 'market', 'geo', 'activity_date']) }}
{%- endmacro %}
