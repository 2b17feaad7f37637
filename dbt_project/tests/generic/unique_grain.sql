{% test unique_grain(model, columns) %}
    {%- set bound = within_changed_weeks(model) if model.identifier.endswith('__media') else '' -%}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }} {{ bound }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
