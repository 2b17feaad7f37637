-- Channels that have landed, and those of the seed that have not.
select
    channel,
    coalesce(landed.label, seed.label, channel) as label,
    coalesce(landed.channel_group, seed.channel_group) as channel_group,
    coalesce(landed.exposure_unit, seed.exposure_unit, 'impressions') as exposure_unit
from {{ ref('channels') }} as seed
full outer join {{ ref('stg_reference__channels') }} as landed using (channel)
