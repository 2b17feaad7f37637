{#-
    What sources.yaml states for rows of a source that do not say it themselves: its `currency` or `time_zone`; none where
    it states nothing.
-#}
{% macro stated(source, key) -%}
    {% for entry in var('stated') if entry.source == source -%}
        {{ return(entry[key]) }}
    {%- endfor %}
    {{ return(none) }}
{%- endmacro %}
