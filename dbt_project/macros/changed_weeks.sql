{#-
    int_campaign_weekly works out the weeks of a source whose raw rows are others than those it was made of. Every row of
    it holds the versions of its week and source (int_media_weeks), and the table's comment what made it, beside the rows:
    the project, sources.yaml, DuckDB. The platform's builds name that in MMM_MADE_BY, and make the table anew where it is another.
-#}

{#-
    What is new, restated or gone: weeks of a source, and sources as a whole (no `week_start`) where rows that are not of
    days changed. No `version` where nothing is left of it.
-#}
{% macro _changed(campaigns, weeks) -%}
    with made as (
        select
            source,
            week_start,
            any_value(week_version) as week_version,
            any_value(source_version) as source_version
        from {{ campaigns }}
        group by source, week_start
    )

    select
        source,
        cast(null as date) as week_start,
        now.version
    from (select * from {{ weeks }} where week_start = date '0001-01-01') as now
    full outer join (
        select
            source,
            any_value(source_version) as version
        from made
        group by source
    ) as wholes using (source)
    where now.version is distinct from wholes.version
    union all
    select
        source,
        week_start,
        now.version
    from (select * from {{ weeks }} where week_start > date '0001-01-01') as now
    full outer join made using (source, week_start)
    where now.version is distinct from made.week_version
{%- endmacro %}

{#- It, as a list with `source`, `week_start` (a date or none) and `version`, without what is gone. -#}
{% macro _changed_weeks(campaigns, weeks) -%}
    {% set found = [] -%}
    {% for row in run_query(_changed(campaigns, weeks)) if row[2] is not none -%}
        {% do found.append({'source': row[0], 'week_start': row[1], 'version': row[2]}) -%}
    {% endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- For int_campaign_weekly itself; none where it is made anew. -#}
{% macro changed_weeks() -%}
    {% if execute and is_incremental() -%}
        {{ return(_changed_weeks(this, ref('int_media_weeks'))) }}
    {%- endif %}
    {{ return(none) }}
{%- endmacro %}

{#- Take their rows out, in the transaction that puts the new ones in. -#}
{% macro forget_changed_weeks() -%}
    {% if execute and is_incremental() -%}
        delete from {{ this }}
        where exists (
            select 1 from ({{ _changed(this, ref('int_media_weeks')) }}) as changed
            where
                changed.source = {{ this }}.source
                and coalesce(changed.week_start = {{ this }}.week_start, true)
        )
    {%- endif %}
{%- endmacro %}

{% macro note_what_made_it() -%}
    comment on table {{ this }} is '{{ env_var("MMM_MADE_BY", "") }}'
{%- endmacro %}

{#-
    For a test of a source's staging model of media: a bound on its days, as the rows of other weeks were asked when
    int_campaign_weekly was made of them. None where that is made anew, or is not there.
-#}
{% macro within_changed_weeks(model) -%}
    {% if execute and not flags.FULL_REFRESH -%}
        {% set campaigns = model.incorporate(path={'schema': 'intermediate', 'identifier': 'int_campaign_weekly'}) -%}
        {% set weeks = model.incorporate(path={'schema': 'intermediate', 'identifier': 'int_media_weeks'}) -%}
        {% set there = run_query(
            "select 1 from information_schema.columns where table_schema = '" ~ campaigns.schema ~ "' and table_name = '"
            ~ campaigns.identifier ~ "' and column_name = 'source_version'"
        ) -%}
        {% if there | length -%}
            {{ return(_of_days(model.identifier[4:].split('__')[0], _changed_weeks(campaigns, weeks))) }}
        {%- endif %}
    {%- endif %}
{%- endmacro %}
