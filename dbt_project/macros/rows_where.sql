{#
    Rows in which any of the columns is what it should not be, with the names of those that are. One test, and one scan
    of the table, asks all columns of a kind.

    wrong  what a value must not be, in SQL: "is null"
#}
{% macro rows_where(relation, columns, wrong) %}
    {%- set names, faults = [], [] %}
    {%- for column in columns %}
        {%- set fault = adapter.quote(column) ~ " " ~ wrong %}
        {%- do faults.append(fault) %}
        {%- do names.append("case when " ~ fault ~ " then '" ~ column ~ "' end") %}
    {%- endfor %}
    select
        concat_ws(', ', {{ names | join(', ') }}) as wrong_columns,
        *
    from {{ relation }}
    where {{ faults | join(' or ') }}
{% endmacro %}
