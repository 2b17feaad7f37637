{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- What the files hold, less what lies in quarantine and what later exports overruled, is what the marts are made of,
-- source by source, to the cent. `quarantined_amount` says how much the files hold beyond what was loaded.
-- Sums of files are taken when they are read: currencies are added up as if they were one.
with files as (
    select
        source_table,
        sum(amount - overruled_amount) as amount,
        coalesce(sum(quarantined_amount), 0) as quarantined_amount
    from {{ source('landing', 'landing_files') }}
    where status = 'loaded'
    group by source_table
),

expected as (
    {% for amount in var('amounts') %}
        select
            '{{ amount.source }}' as source,
            '{{ amount.gives }}' as gives,
            amount / cast('{{ amount.per_unit }}' as integer) as amount,
            quarantined_amount / cast('{{ amount.per_unit }}' as integer) as quarantined_amount
        from files
        where source_table = '{{ amount.table }}'
        union all
    {% endfor %}
    select
        'attribution' as source,
        'claims' as gives,
        amount,
        quarantined_amount
    from files
    where source_table = 'attribution__platform_reports'
),

staged as (
    select
        source,
        'media' as gives,
        sum(cast(spend_local as decimal(38, 6))) as amount
    from {{ ref('int_media_activity') }}
    group by source
    union all
    {% for source in var('amounts') | selectattr('gives', 'equalto', 'kpi') | map(attribute='source') | unique %}
        select
            '{{ source }}' as source,
            'kpi' as gives,
            sum(cast(value as decimal(38, 6))) as amount
        from {{ ref('stg_' ~ source ~ '__kpi') }}
        where currency is not null
        union all
    {% endfor %}
    select
        'attribution' as source,
        'claims' as gives,
        sum(cast(revenue as decimal(38, 6))) as amount
    from {{ ref('stg_attribution__platform_reports') }}
),

by_source as (
    select
        source,
        gives,
        sum(amount) as amount,
        sum(quarantined_amount) as quarantined_amount
    from expected
    group by source, gives
)

select
    source,
    gives,
    by_source.amount as files_amount,
    staged.amount as staged_amount,
    by_source.quarantined_amount
from by_source
full outer join staged using (source, gives)
where abs(coalesce(by_source.amount, 0) - coalesce(staged.amount, 0)) > 0.01
