{#-
    One number for what a row says of its campaign, by which days find their mapping: joins and groups over it cost a
    fraction of those over eight columns. The hash is DuckDB's: another release of it makes int_campaign_weekly anew.
-#}
{% macro campaign_key(relation) -%}
    hash(
        {{ relation }}.source, {{ relation }}.account, {{ relation }}.booking, {{ relation }}.campaign_type,
        {{ relation }}.network, {{ relation }}.stated_market, {{ relation }}.stated_geo, {{ relation }}.stated_channel
    )
{%- endmacro %}
