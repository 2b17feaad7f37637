{#- Campaign names read <market>_<geo>_<channel>_<objective>, in any case; the objective may hold underscores. -#}
{% macro campaign_pattern() -%}
    '[a-z]+_[a-z0-9]+_[a-z]+_[a-z0-9_]+'
{%- endmacro %}

{% macro campaign_part(part, campaign_name='campaign_name') -%}
    {%- set position = {'market': 1, 'geo': 2, 'channel': 3}[part] -%}
    case
        when regexp_full_match(lower({{ campaign_name }}), {{ campaign_pattern() }})
            then split_part(lower({{ campaign_name }}), '_', {{ position }})
    end
{%- endmacro %}
