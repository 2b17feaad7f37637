{% test not_negative(model, columns) %}
    {{ rows_where(model, columns, "< 0") }}
{% endtest %}
