-- How much will this month use?
-- title: Forecast to the end of the month
-- page: usage
-- order: 40
-- size: full
-- empty: Nothing was accepted this month or the last.
-- definition: Accepted this calendar month so far (UTC) plus the mean per day of the last 7 full days for the days
--   left. Each category in its own unit (bytes for attachments and *_byte).
select
    category,
    sum(month_to_date)::bigint as month_to_date,
    sum(mean_per_day_7d)::double as per_day,
    max(days_left) as days_left,
    sum(forecast)::double as forecast,
    sum(last_month)::bigint as last_month,
    case when sum(last_month) > 0 then sum(forecast) / sum(last_month) - 1 end::double as change
from marts.quota_forecast
where ($organization is null or organization_id = $organization)
    and ($project is null or project_slug = $project)
group by category
order by category
