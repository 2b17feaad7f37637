{#-
    One row a model and as-of week whose recommended budget was put to the gates: is_ready where every gate is passed or
    let pass, and not_ready_because, the others in words. A budget of an earlier release has no row: nobody asked.
-#}
{% macro readiness_of_budgets() -%}
    select
        model,
        as_of_week,
        bool_and(passed or overridden) as is_ready,
        string_agg(
            case when not passed and not overridden then gate || ': ' || message end, '; ' order by gate
        ) as not_ready_because
    from {{ source('results', 'budget_readiness') }}
    group by all
{%- endmacro %}
