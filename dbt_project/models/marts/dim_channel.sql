select
    channel,
    label,
    channel_group,
    source,
    exposure_unit
from {{ ref('channels') }}
