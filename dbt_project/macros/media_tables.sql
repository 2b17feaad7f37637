{#- Raw tables whose amount is spend on media, as a list for `in`; '' where there are none, as none is called. -#}
{% macro media_tables() -%}
    {% set tables = var('amounts') | selectattr('gives', 'equalto', 'media') | map(attribute='table') | list -%}
    ('{{ (tables or [""]) | join("', '") }}')
{%- endmacro %}
