{{ config(meta={'dagster': {'ref': {'name': 'int_media_spend_weekly'}}}, severity='warn') }}
-- Media and KPIs of weeks that have not begun, with their amounts (spend, or the KPI's value): a date that is mistyped,
-- or an invoice that is booked ahead. Spend of weeks after the market's last KPI is in no mart until they come; a KPI
-- that is known in full of such a week stretches every table of its market to it. Correct the date, or land it then.
select
    'media' as gives,
    source,
    market,
    channel as name,
    min(week_start) as first_week,
    max(week_start) as last_week,
    case when count(*) = count(spend) then sum(spend) end as amount
from {{ ref('int_media_spend_weekly') }}
where week_start > current_date + 1  -- it is tomorrow somewhere
group by source, market, channel
union all
select
    'kpi' as gives,
    '' as source,
    market,
    kpi as name,
    min(week_start) as first_week,
    max(week_start) as last_week,
    case when count(*) = count(value) then sum(value) end as amount
from {{ ref('int_kpi_weekly') }}
where week_start > current_date + 1
group by market, kpi
order by last_week desc, gives asc, source asc, market asc, name asc
