{#- What a staged row says of its campaign, in the types and by the names that `campaign_key` takes. -#}
{% macro campaign_columns() -%}
    source,
    cast(account_id as varchar) as account,
    cast(booking as varchar) as booking,
    cast(campaign_type as varchar) as campaign_type,
    cast(network as varchar) as network,
    cast(market as varchar) as stated_market,
    cast(geo as varchar) as stated_geo,
    cast(channel as varchar) as stated_channel
{%- endmacro %}
