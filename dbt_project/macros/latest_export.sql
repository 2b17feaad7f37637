{#-
    Sources export the same day again, often in another file. Of rows that share the grain, the one of the file exported
    last counts. `_export_order` says which that is: by time of modification; files that came together, less than a minute
    apart, by name, numbers in it as numbers (assets/raw/folder.py).
-#}
{% macro latest_export(grain) -%}
    qualify row_number() over (partition by {{ grain | join(', ') }} order by _export_order desc, _row desc) = 1
{%- endmacro %}
