{{ config(meta={'dagster': {'ref': {'name': 'int_media_activity'}}}) }}
-- Campaigns are named <market>_<geo>_<channel>_<objective>. Fix the name at the platform and export again.
select
    source,
    booking as campaign_name,
    min(activity_date) as first_day,
    count(*) as row_count
from {{ ref('int_media_activity') }}
where market is null
group by source, booking
