{#-
    A campaign's market, geo or channel: what the rule says, where \1 is what the first brackets of its expression hold,
    or, where it says nothing, what the row states. The expression is stretched over the whole name, so that nothing of
    the name is left around it.
-#}
{% macro mapped(part) -%}
    coalesce(
        nullif(lower(regexp_replace(
            coalesce(campaigns.booking, ''),
            '^.*?(?:' || coalesce(rules.campaign, '') || ').*$',
            coalesce(rules.{{ part }}, ''),
            'is'
        )), ''),
        campaigns.stated_{{ part }}
    )
{%- endmacro %}
