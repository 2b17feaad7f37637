{#-
    By raw table how many of its amount's unit are one of its currency: a million where it is in millionths. The row of
    no table is there for companies without any amount.
-#}
{% macro units_of_amounts() -%}
    select
        '' as source_table,
        1 as per_unit
    {% for amount in var('amounts') %}
        union all
        select
            '{{ amount.table }}' as source_table,
            cast('{{ amount.per_unit }}' as integer) as per_unit
    {% endfor %}
{%- endmacro %}
