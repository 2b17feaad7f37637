{#- An amount in the marts' own currency; null where it has no rate. `rates` is int_exchange_rates, joined. -#}
{% macro at_rate(amount, currency, rates='rates') -%}
    cast({{ amount }} as double) * case {{ currency }} when '{{ var("currency") }}' then 1 else {{ rates }}.rate end
{%- endmacro %}
