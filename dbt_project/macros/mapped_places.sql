{#-
    Market and geo of the places that a shop or an analytics tool writes, such as 'us/ny' or 'United States': what the first
    rule that names the source and matches the place says (its `campaign` is found in the place), or, where none does, the
    place's first part as it is. `relation` has columns `place` and `country`.
-#}
{% macro mapped_places(relation, source) -%}
    select
        campaigns.booking as place,
        coalesce({{ mapped('market') }}, 'unknown') as market,
        coalesce({{ mapped('geo') }}, 'all') as geo
    from (
        select distinct
            place as booking,
            lower(country) as stated_market,
            'all' as stated_geo
        from {{ relation }}
    ) as campaigns
    left join {{ ref('stg_reference__mapping_rules') }} as rules
        on
            rules.source = '{{ source }}'
            and coalesce(regexp_matches(campaigns.booking, rules.campaign, 'i'), rules.campaign is null)
    qualify row_number() over (
        partition by campaigns.booking
        order by rules.rule
    ) = 1
{%- endmacro %}
