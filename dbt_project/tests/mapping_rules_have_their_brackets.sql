-- A rule asks for more brackets than its expression of a campaign has, and would map nothing: put brackets around what
-- \1 (\2, ...) stands for in dbt_project/seeds/mapping_rules.csv, or write the name itself.
with asked as (
    {% for name in ['market', 'geo', 'channel'] -%}
        select
            rule,
            '{{ name }}' as column_name,
            {{ name }} as asks,
            coalesce(campaign, '') as campaign
        from {{ ref('mapping_rules') }}
        where contains({{ name }}, '\')
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

-- what DuckDB cannot fill it leaves as it was
select *
from asked
where regexp_replace('', '(?:' || campaign || ')|^', 'x' || asks) = ''
