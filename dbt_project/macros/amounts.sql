{#- Amounts of several channels stand in one text: ';' between channels, blanks between the weeks of one. -#}
{% macro sum_of_amounts(amounts) -%}
    list_sum(cast(string_split({{ amounts }}, ';') as double []))
{%- endmacro %}

{#- The same text with every amount at a rate; as it stands where the rate is 1. -#}
{% macro amounts_at_rate(amounts, rate) -%}
    case
        when {{ rate }} = 1 then {{ amounts }}
        else
            array_to_string(
                list_transform(
                    string_split({{ amounts }}, ';'),
                    lambda channel: array_to_string(
                        list_transform(
                            string_split(channel, ' '),
                            lambda amount: cast(cast(amount as double) * {{ rate }} as varchar)
                        ),
                        ' '
                    )
                ),
                ';'
            )
    end
{%- endmacro %}
