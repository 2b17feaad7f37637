{{ config(meta={'dagster': {'ref': {'name': 'int_media_delivery'}}}, severity='warn') }}
-- Weeks in which an account delivered on fewer days than it usually does: the end of an export that was made too early,
-- or a gap in it. Their spend stays in the marts as it was delivered, marked `partial`: export the days again, or, if
-- nothing was spent on them, leave it. Weeks of which sources.yaml says that silence is no spend are none.
select
    market,
    source,
    account,
    week_start,
    days_delivered,
    days_usual,
    last_day
from {{ ref('int_media_delivery') }}
where days_delivered < days_usual and not is_rest
