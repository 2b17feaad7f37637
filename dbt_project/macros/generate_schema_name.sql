{#- A model's schema is the name of its layer in every environment: environments are files, not schemas. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
