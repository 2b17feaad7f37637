{#-
    The day on which a moment (UTC) was, in a time zone such as Europe/Berlin: that of the row; else the one that
    sources.yaml states for the source; else UTC. By way of microseconds, which are the same whether the column's type has
    a time zone or not, and whatever the session's zone is.
-#}
{% macro day_in_zone(moment, source, zone="null") -%}
    cast(
        timezone(
            coalesce({{ zone }}, '{{ stated(source, "time_zone") or "UTC" }}'),
            make_timestamptz(epoch_us({{ moment }}))
        ) as date
    )
{%- endmacro %}
