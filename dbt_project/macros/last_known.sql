{#-
    History tables keep every state of a campaign, an ad or an account. What is known last counts, column by column: a
    state without a name does not take the name away. `modified` is the column of the tool's time of change; where there is
    none, the file exported last counts.
-#}
{% macro last_known(relation, id, columns, modified=none) -%}
    {%- set order = (([modified] if modified else []) + ['_export_order', '_row']) | join(', ') -%}
    {%- set known = [] -%}
    {%- for name in columns -%}
        {%- set stated = ' filter (where ' ~ name ~ ' is not null)' -%}
        {%- do known.append('last(' ~ name ~ ' order by ' ~ order ~ ')' ~ stated ~ ' as ' ~ name) -%}
    {%- endfor -%}
    select
        {{ id }},
        {{ known | join(', ') }}
    from {{ relation }}
    group by {{ id }}
{%- endmacro %}
