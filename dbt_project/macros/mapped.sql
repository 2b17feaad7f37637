{#-
    A campaign's market, geo or channel: what the rule says, where \1 is what the first brackets of its expression hold,
    or, where it says nothing, what the row states. The expression is stretched over the whole name, so that nothing of
    the name is left around it. All three are written at once, a unit separator between them: an expression is compiled
    anew for every campaign, which is most of what a mapping takes, and DuckDB works out once what stands in a query thrice.
-#}
{% macro mapped(part) -%}
    coalesce(
        nullif(lower(split_part(
            regexp_replace(
                coalesce(campaigns.booking, ''),
                '^.*?(?:' || coalesce(rules.campaign, '') || ').*$',
                concat_ws(chr(31), coalesce(rules.market, ''), coalesce(rules.geo, ''), coalesce(rules.channel, '')),
                'is'
            ),
            chr(31),
            {{ ['market', 'geo', 'channel'].index(part) + 1 }}
        )), ''),
        campaigns.stated_{{ part }}
    )
{%- endmacro %}
