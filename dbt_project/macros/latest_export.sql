{#-
    Sources export the same day again, often in another file. Of rows that share the grain, the one of the file whose
    name sorts last counts: that depends on the landing folder alone, not on the order in which files were loaded.
-#}
{% macro latest_export(grain) -%}
    qualify row_number() over (partition by {{ grain | join(', ') }} order by _file desc, _row desc) = 1
{%- endmacro %}
