{#- Campaign names read <market>_<geo>_<channel>_<objective>; the objective may hold further underscores. -#}
{% macro campaign_pattern() -%}
    '[a-z]+_[a-z0-9]+_[a-z]+_[a-z0-9_]+'
{%- endmacro %}

{% macro campaign_part(part, campaign_name='campaign_name') -%}
    {%- set position = {'market': 1, 'geo': 2, 'channel': 3}[part] -%}
    case
        when regexp_full_match({{ campaign_name }}, {{ campaign_pattern() }})
            then split_part({{ campaign_name }}, '_', {{ position }})
    end
{%- endmacro %}
