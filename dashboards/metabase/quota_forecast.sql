-- Forecast to the end of the month: How much will this month use?
-- Accepted this calendar month so far (UTC) plus the mean per day of the last 7 full days for the days left. Each category in its own unit (bytes for attachments and *_byte).
select
    category,
    sum(month_to_date)::bigint as month_to_date,
    sum(mean_per_day_7d)::double as per_day,
    max(days_left) as days_left,
    sum(forecast)::double as forecast,
    sum(last_month)::bigint as last_month,
    case when sum(last_month) > 0 then sum(forecast) / sum(last_month) - 1 end::double as change
from marts.quota_forecast
where (null::varchar is null or organization_id = null::varchar)
    and (coalesce([[{{project}}, ]] null::varchar) is null or project_slug = coalesce([[{{project}}, ]] null::varchar))
group by category
order by category
