{#-
    A row of several days becomes one a day, with the columns `activity_date` and `days_covered`. Rows of one day, nearly
    all of most tables, stay apart: who asks for some days has DuckDB leave the others of them unread.
-#}
{% macro days_covered(relation, first_day, last_day) -%}
    select
        *,
        {{ first_day }} as activity_date,
        1 as days_covered
    from {{ relation }}
    where {{ first_day }} = {{ last_day }}
    union all
    select
        *,
        cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date) as activity_date,
        {{ last_day }} - {{ first_day }} + 1 as days_covered
    from {{ relation }}
    where {{ first_day }} < {{ last_day }}
{%- endmacro %}

{#-
    The share of a day in a figure that adds up over the days from `first_day`. Shares are whole units (millionths of an
    amount), as even as whole units are, and add up to the figure exactly: what is due up to a day less what was due
    before it.
-#}
{% macro share_of_day(column, first_day, decimals=6) -%}
    {%- set whole = 'round(' ~ column ~ ' * 1e' ~ decimals ~ ')' if decimals else column -%}
    {%- set units = 'cast(' ~ whole ~ ' as hugeint)' -%}
    {%- set day = '(activity_date - ' ~ first_day ~ ')' -%}
    {%- set share = units ~ ' * (' ~ day ~ ' + 1) // days_covered - ' ~ units ~ ' * ' ~ day ~ ' // days_covered' -%}
    case
        when days_covered = 1 then {{ column }}
        else {{ '(' ~ share ~ ') / 1e' ~ decimals if decimals else 'cast(' ~ share ~ ' as bigint)' }}
    end
{%- endmacro %}
