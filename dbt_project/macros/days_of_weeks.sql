{#-
    Every day of the weeks from the first listed day to the last, for every geo of a market that has any: what is listed for
    'all' holds in each of them. `relation` has market, geo and activity_date; a day that is not listed has blanks.
    Columns: those of the relation, with `geo` and `day` of the day, and `week_start`.
-#}
{% macro days_of_weeks(relation) -%}
    select
        spans.market,
        spans.geo,
        spans.day,
        {{ week_start('spans.day') }} as week_start,
        listed.* exclude (market, geo)
    from (
        select
            geos.market,
            geos.geo,
            cast(unnest(generate_series(
                {{ week_start('min(listed.activity_date)') }},
                {{ week_start('max(listed.activity_date)') }} + 6,
                interval 1 day
            )) as date) as day
        from {{ ref('stg_reference__geos') }} as geos
        inner join {{ relation }} as listed on geos.market = listed.market
        group by geos.market, geos.geo
    ) as spans
    left join {{ relation }} as listed
        on
            spans.market = listed.market
            and listed.geo in (spans.geo, 'all')
            and spans.day = listed.activity_date
{%- endmacro %}
