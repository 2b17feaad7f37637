{% test filled(model, columns) %}
    {{ rows_where(model, columns, "is null") }}
{% endtest %}
