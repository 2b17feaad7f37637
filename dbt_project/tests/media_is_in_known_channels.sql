{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- A channel that seeds/channels.csv does not list, or lists under another source.
select
    activity.source,
    activity.booking,
    activity.channel,
    min(activity.activity_date) as first_day
from {{ ref('int_media_activity') }} as activity
left join {{ ref('channels') }} as channels
    on
        activity.channel = channels.channel
        and activity.source = channels.source
where activity.market is not null and channels.channel is null
group by activity.source, activity.booking, activity.channel
