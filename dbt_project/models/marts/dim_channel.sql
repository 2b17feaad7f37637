-- Channels that have landed, and those of the seed that have not: of these, the ones that are of a source are there
-- where it is used.
with seed as (
    select * from {{ ref('channels') }}
    where
        source is null
        {%- for source in var('sources') %}
            or list_contains(string_split(source, ' '), '{{ source }}')
        {%- endfor %}
)

select
    channel,
    coalesce(landed.label, seed.label, channel) as label,
    coalesce(landed.channel_group, seed.channel_group) as channel_group,
    coalesce(landed.exposure_unit, seed.exposure_unit, 'impressions') as exposure_unit
from seed
full outer join {{ ref('stg_reference__channels') }} as landed using (channel)
