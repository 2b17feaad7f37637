{#- Days of a week as bits of one number: Monday is 1, Tuesday 2, Wednesday 4, to Sunday, 64. -#}
{% macro weekday_bit(day) -%}
    cast(1 << cast(isodow({{ day }}) - 1 as integer) as utinyint)
{%- endmacro %}
