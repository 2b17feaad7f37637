{#- The sum of amounts as decimals: it is exact, so it does not depend on the order of the rows. -#}
{% macro added_up(amount) -%}
    cast(sum(cast({{ amount }} as decimal(18, 6))) as double)
{%- endmacro %}
