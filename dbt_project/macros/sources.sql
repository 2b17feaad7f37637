{#- Whether a source of sources.yaml is used: models of one that is not are disabled. -#}
{% macro uses(source) -%}
    {{ return(source in var('sources')) }}
{%- endmacro %}

{#-
    One model of every used source that gives something, under each other: `stg_<source>__<what>`. A connector that gives
    media, KPIs or controls has a staging model of that name with the columns of its kind, and nothing else need know it.

    changed  where only some weeks are asked for, what changed_weeks() found
-#}
{% macro all_sources(what, columns, changed=none) -%}
    {% for source in var('gives')[what] -%}
        select
            '{{ source }}' as source,
            {{ _stated(source, what, columns) | join(', ') }}
        from {{ ref('stg_' ~ source ~ '__' ~ what) }}
        {{ _of_days(source, changed) }}
        {{ 'union all' if not loop.last }}
    {% else -%}
        select
            cast(null as varchar) as source,
            {{ _empty(columns) }}
        where false
    {% endfor %}
{%- endmacro %}

{#- Those columns; of media the currency is the one that sources.yaml states where the row states none. -#}
{% macro _stated(source, what, columns) -%}
    {% set currency = stated(source, 'currency') if what == 'media' else none -%}
    {% set or_stated = "coalesce(currency, '" ~ currency ~ "') as currency" -%}
    {% set found = [] -%}
    {% for column in columns -%}
        {% do found.append(or_stated if currency and column == 'currency' else column) -%}
    {% endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- Those columns without a value, each of its type. -#}
{% macro _empty(columns) -%}
    {%- for column in columns -%}
        cast(null as {{ _type_of(column) }}) as {{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Type of a column of what a source gives, where no source gives it and DuckDB would have to guess. -#}
{% macro _type_of(column) -%}
    {% if column in ('activity_date', 'first_day', 'last_day') -%}
        date
    {%- elif column in ('spend', 'value', 'impressions', 'clicks', 'conversions', 'conversion_value', 'reach') -%}
        double
    {%- else -%}
        varchar
    {%- endif %}
{%- endmacro %}

{#-
    The days of a source's changed weeks, week after week as one stretch: DuckDB leaves rows of other days unread. All days
    where the source changed as a whole.
-#}
{% macro _of_days(source, changed) -%}
    {% set found = (changed or []) | selectattr('source', 'equalto', source) -%}
    {% set of_source = found | map(attribute='week_start') | list -%}
    {% if changed is not none and none not in of_source -%}
        {% set stretches = [] -%}
        {% for week in of_source | sort -%}
            {% if stretches and (week - stretches[-1].last).days == 7 -%}
                {% do stretches[-1].update(last=week) -%}
            {% else -%}
                {% do stretches.append({'first': week, 'last': week}) -%}
            {% endif -%}
        {% endfor -%}
        {% set bounds = [] -%}
        {% for each in stretches -%}
            {% do bounds.append("activity_date between date '" ~ each.first ~ "' and date '" ~ each.last ~ "' + 6") -%}
        {% endfor -%}
        {{ return('where ' ~ (bounds | join(' or ') or 'false')) }}
    {%- endif %}
{%- endmacro %}
