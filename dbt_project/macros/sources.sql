{#- Whether a source of sources.yaml is used: models of one that is not are disabled. -#}
{% macro uses(source) -%}
    {{ return(source in var('sources')) }}
{%- endmacro %}

{#-
    One model of every used source that gives something, under each other: `stg_<source>__<what>`. A connector that gives
    media, KPIs or controls has a staging model of that name with the columns of its kind, and nothing else need know it.
-#}
{% macro all_sources(what, columns) -%}
    {% for source in var('gives')[what] -%}
        select
            '{{ source }}' as source,
            {{ columns | join(', ') }}
        from {{ ref('stg_' ~ source ~ '__' ~ what) }}
        {{ 'union all' if not loop.last }}
    {% else -%}
        select
            null as source,
            null as {{ columns | join(', null as ') }}
        where false
    {% endfor %}
{%- endmacro %}
