-- What will this month come to?
select category, sum(month_to_date) as so_far, sum(forecast) as expected
from marts.quota_forecast
group by all
order by category;

-- Which projects use the most errors?
select project_slug, forecast
from marts.quota_forecast
where category = 'error'
order by forecast desc
limit 10;

-- Which grow most against last month? Empty where the month before was not read.
select project_slug, category, change_ratio
from marts.quota_forecast
where change_ratio is not null
order by change_ratio desc
limit 10;
