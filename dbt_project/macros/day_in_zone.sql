{#-
    The day on which a moment (UTC) was, in a time zone such as Europe/Berlin; in UTC where the zone is not known. By way of
    microseconds, which are the same whether the column's type has a time zone or not, and whatever the session's zone is.
-#}
{% macro day_in_zone(moment, zone="'UTC'") -%}
    cast(timezone(coalesce({{ zone }}, 'UTC'), make_timestamptz(epoch_us({{ moment }}))) as date)
{%- endmacro %}
