{#- First day of a retail year: the first day of a week that is nearest to the calendar's anchor in that calendar year,
    at most three days before or after it. -#}
{% macro retail_year_start(year, calendar) -%}
    {%- set anchor = 'make_date(' ~ year ~ ', ' ~ calendar.month ~ ', ' ~ calendar.day ~ ')' -%}
    cast({{ anchor }} + cast((({{ calendar.weekday }} - isodow({{ anchor }}) + 10) % 7) - 3 as integer) as date)
{%- endmacro %}
