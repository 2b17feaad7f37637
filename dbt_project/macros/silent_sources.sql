{#- Sources of which sources.yaml says one of some meanings of a week without rows, as a list in brackets. -#}
{% macro silent_sources(meanings) -%}
    (
        '' {%- for of_source in var('silence') if of_source.means in meanings %}, '{{ of_source.source }}'{% endfor %}
    )
{%- endmacro %}
