-- On how many days of a week each account delivered, against how many it usually does. A week in which an account
-- delivered in part reads as a week of little spend. Weekdays are usual on which the account has rows in at least half
-- of its weeks: one that pauses at weekends is whole from Monday to Friday.
-- Weeks run from the account's first to four weeks after its last: one that is silent for longer has ended.
with weeks as (
    select
        market,
        source,
        account,
        week_start,
        bit_or(weekdays) as weekdays
    from {{ ref('int_media_activity') }}
    where market is not null
    group by market, source, account, week_start
),

days as (
    select
        weeks.market,
        weeks.source,
        weeks.account,
        weeks.week_start + beside.days as activity_date,
        weeks.week_start
    from weeks
    cross join (values (0), (1), (2), (3), (4), (5), (6)) as beside (days)
    where weeks.weekdays & {{ weekday_bit('weeks.week_start + beside.days') }} > 0
),

calendar as (
    select * from {{ ref('int_calendar_weeks') }}
),

accounts as (
    select
        market,
        source,
        account,
        min(week_start) as first_week,
        max(week_start) as last_week,
        max(activity_date) as last_day,
        count(distinct week_start) as weeks
    from days
    group by market, source, account
),

usual as (
    select
        market,
        source,
        account,
        isodow(days.activity_date) as weekday
    from days
    inner join accounts using (market, source, account)
    group by market, source, account, isodow(days.activity_date)
    having count(*) >= 0.5 * max(accounts.weeks)
),

spine as (
    select
        calendar.market,
        calendar.week_start,
        accounts.source,
        accounts.account,
        accounts.last_day,
        usual.weekday,
        calendar.week_start + cast(usual.weekday - 1 as integer) as usual_day
    from calendar
    inner join accounts
        on
            calendar.market = accounts.market
            and calendar.week_start between accounts.first_week and accounts.last_week + 28
    inner join usual
        on
            accounts.market = usual.market
            and accounts.source = usual.source
            and accounts.account = usual.account
)

select
    spine.market,
    spine.source,
    spine.account,
    spine.week_start,
    count(days.activity_date) as days_delivered,
    count(*) as days_usual,
    max(spine.last_day) as last_day,
    count(days.activity_date) = 0
    and (
        spine.source in {{ silent_sources(['zero']) }}
        or (spine.source in {{ silent_sources(['between']) }} and max(spine.last_day) > spine.week_start)
    ) as is_rest
from spine
left join days
    on
        spine.market = days.market
        and spine.source = days.source
        and spine.account = days.account
        and spine.usual_day = days.activity_date
group by spine.market, spine.source, spine.account, spine.week_start
