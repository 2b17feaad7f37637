{#- Monday of the ISO week that holds a day. -#}
{% macro week_start(day) -%}
    cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}
