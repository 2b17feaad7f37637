{#-
    An amount in the marts' own currency; null where it has no rate, but for nothing, which is nothing in any currency.
    `rates` is int_exchange_rates, joined.
-#}
{% macro at_rate(amount, currency, rates='rates') -%}
    case
        when {{ amount }} = 0 then 0
        else cast({{ amount }} as double) * case {{ currency }} when '{{ var("currency") }}' then 1 else {{ rates }}.rate end
    end
{%- endmacro %}
