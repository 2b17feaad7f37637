-- Restated weeks that a published version of a model was fitted without: the last of them, and the first after it that
-- knew. A past week that was made again of the data of today knew too, and says nothing of when the model did.
-- A version knew what had come by the last export that its data hold (data_until). Whether the model reads the raw
-- table is not asked: the marts are made of all.
with versions as (
    select
        model,
        as_of_week,
        model_version,
        data_until,
        as_of_week = max(as_of_week) over (partition by model) as is_latest
    from {{ source('results', 'provenance') }}
    where data_until is not null  -- published by an earlier release: what it knew was not kept
),

compared as (
    select
        versions.*,
        restated.* exclude (amount_before, amount_now, amount_added),
        versions.data_until >= restated.restated_at as knew
    from {{ ref('fct_restatements') }} as restated
    inner join versions on restated.week_start <= versions.as_of_week
),

without as (
    select
        model,
        source_table,
        week_start,
        file,
        last(as_of_week order by data_until, as_of_week) as last_week_without,
        last(model_version order by data_until, as_of_week) as last_version_without
    from compared
    where not knew
    group by model, source_table, week_start, file
)

select
    model,
    source_table,
    week_start,
    file,
    max(restated_at) as restated_at,
    max(rows_changed) as rows_changed,
    max(rows_added) as rows_added,
    max(rows_gone) as rows_gone,
    max(amount_change) as amount_change,
    any_value(last_week_without) as last_week_without,
    any_value(last_version_without) as last_version_without,
    first(as_of_week order by as_of_week) filter (knew and as_of_week > last_week_without) as first_week_with,
    first(model_version order by as_of_week) filter (knew and as_of_week > last_week_without) as first_version_with,
    coalesce(bool_or(knew) filter (is_latest), false) as latest_version_knew
from compared
inner join without using (model, source_table, week_start, file)
group by model, source_table, week_start, file
