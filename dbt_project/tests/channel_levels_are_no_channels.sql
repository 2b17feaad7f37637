{{ config(meta={'dagster': {'ref': {'name': 'dim_channel'}}}) }}
-- Names of channel levels that are a channel's name, or of two levels: two things would be one column for models.
select
    levels.name,
    case when min(channels.channel) is null then 'is a name of several levels' else 'is a channel' end as fault
from {{ ref('stg_reference__channel_levels') }} as levels
left join {{ ref('dim_channel') }} as channels on levels.name = channels.channel
group by levels.name
having count(distinct levels.level) > 1 or min(channels.channel) is not null
